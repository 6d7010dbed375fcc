import type { Case } from './case.js'
import { LATENCY_NAME, type LatencyRound } from './cases/latency.js'
import { type Round, type Spread, shareByCpu, shareOfBase, shareOfRaw, spreadOf } from './figures.js'
import type { ImportTime, InstalledSize, StoredSize } from './footprint.js'

/** What a case came to in one run. */
export interface Outcome {
  readonly case: Pick<Case, 'name' | 'atLeast'>
  readonly rounds: readonly Round[]
}

/** Microseconds at the median that the library may add beyond the round trip. */
const MOST_BEYOND = 30

/** Of lines that may be missed: what the parts take that they cannot do without. Shown where they are. */
const WHY: Readonly<Record<string, string>> = {
  'refresh on Redis': `**refresh on Redis**: the route that it is compared with checks nothing, not even the signature of the token that it is
sent, and knows no rules. Without HTTP and Redis, in one process, that route took 22 µs of CPU time on the memory store and
a refresh 46 µs (least of 70 interleaved rounds of 3,000); both have jsonwebtoken sign two tokens. The HMAC of the token is
3 µs of the difference. The rest is what a refresh is for: the rules for tokens (RFC 8725) and for rotation, the judgement of
a session and of the subject's cut-off, the claims that are handed on, the record that is checked when it is read, the
deadline, the answer. A profile over HTTP shows no part of it that stands out: the dearest function of the library takes 2 %
of a refresh.`,
  [LATENCY_NAME]: `**one connection**: in its one round trip the guard asks for two keys, the session and its subject's cut-off, and the route
beside it for one. Without HTTP, in one process, one call after the other, the second key took 8 µs more, the store around
node-redis (its time limit, its answer when Redis is away) 10 µs, and all the rest of the guard 25 µs (medians of 22 interleaved
rounds of 1,000; a processor that sleeps between calls is slow in each of them). MGET would ask for both keys at once, but
takes one that holds no string for one that is not there, which would mean "not revoked". The median differs from run to run
by as much as the aim.`,
  'HS256, a token never seen before': `**a token never seen before**: the hand-written middleware calls jsonwebtoken's \`verify\` and nothing else. A guard checks
the HMAC itself, which takes less, and looks besides for a header that was sent twice, a wrong algorithm, \`crit\` and
\`b64\`, at the type of every claim, issuer and audience, and freezes the payload. Whoever comes again is a line above.`,
}

/** What is aimed at, a column for each run. A line is met if the median of every run is. */
export function aimsTable(
  runs: readonly (readonly Outcome[])[],
  latencies: readonly (readonly LatencyRound[])[],
): string {
  const [first = []] = runs
  const rows = first.map(({ case: each }, n) =>
    aimRow(
      each,
      runs.map(run => run[n]?.rounds ?? []),
    ),
  )
  const heads = runs.map((_, n) => `run ${n + 1}`)
  if (latencies.length > 0) rows.push(latencyRow(latencies))
  const missed = rows.filter(row => row.at(-1) !== 'yes').flatMap(([name = '']) => WHY[name] ?? [])
  return [table(['guarded route', 'aim', ...heads, 'met'], rows), ...missed].join('\n\n')
}

function aimRow({ name, atLeast = 0 }: Outcome['case'], runs: readonly (readonly Round[])[]): string[] {
  const shares = runs.map(shareOfBase)
  const cells = runs.map((rounds, n) => `${spread(shares[n])}; by CPU time ${ratio(shareByCpu(rounds).median)}`)
  return [name, `at least ${ratio(atLeast)}`, ...cells, met(shares.every(share => share.median >= atLeast))]
}

function latencyRow(runs: readonly (readonly LatencyRound[])[]): string[] {
  const beyond = runs.map(rounds => spreadOf(rounds.map(({ guarded, oneTrip }) => guarded - oneTrip)))
  const trips = runs.map(rounds => spreadOf(rounds.map(({ open, oneTrip }) => oneTrip - open)))
  const cells = beyond.map(
    (each, n) => `${spread(each, micro)} µs; the round trip is ${micro(trips[n]?.median ?? 0)} µs`,
  )
  return [LATENCY_NAME, `at most ${MOST_BEYOND} µs`, ...cells, met(beyond.every(each => each.median <= MOST_BEYOND))]
}

export function casesTable(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ case: { name }, rounds }) => [
    name,
    spread(shareOfBase(rounds)),
    ratio(shareByCpu(rounds).median),
    ratio(shareOfRaw(rounds).median),
  ])
  return table(['case', 'of what it is compared with', 'by CPU time', 'of node:http alone'], rows)
}

export function storedTable(sizes: readonly StoredSize[]): string {
  return table(
    ['store', 'bytes for each live session'],
    sizes.map(({ store, bytes }) => [store, whole(bytes)]),
  )
}

export function importTable(times: readonly ImportTime[]): string {
  const rows = times.map(({ what, process, more }) => [what, process.toFixed(0), more.toFixed(0)])
  return table(['imported', 'whole process, ms', 'more than nothing, ms'], rows)
}

export function installedTable(sizes: readonly InstalledSize[]): string {
  const rows = sizes.map(({ what, packages, bytes, own }) => [what, String(packages), kilobytes(bytes), kilobytes(own)])
  return table(['installed', 'packages', 'kB', 'of it itself, kB'], rows)
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}

const ratio = (value: number) => value.toFixed(2)
const micro = (value: number) => value.toFixed(0)
const whole = (value: number) => Math.round(value).toLocaleString('en')
const kilobytes = (bytes: number) => whole(bytes / 1000)
const met = (yes: boolean) => (yes ? 'yes' : '**no**')

function spread({ median, least, most }: Spread = { median: 0, least: 0, most: 0 }, text = ratio): string {
  return `${text(median)} (${text(least)} to ${text(most)})`
}
