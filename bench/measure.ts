import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Backends } from './backends.js'
import { check } from './check.js'
import { type Figures, type Reading, type Slice, slicesOf } from './figures.js'
import { type Amount, type Run, runLoad } from './load.js'
import type { Row, Side } from './row.js'
import { ServerProcess } from './server-process.js'
import { temporaryFolder } from './temporary.js'

export interface Pace {
  /** Seconds of load before a row is measured for the first time, until V8 has compiled what is called often. */
  readonly warmUp: number
  /** Seconds in which the CPU times of a row are measured, in each round. */
  readonly seconds: number
  /** How often all rows of a table are measured, one after another. */
  readonly rounds: number
  /** Numbers of connections at which rates and latencies are measured, for a second each. */
  readonly connections: readonly number[]
}

/** At this number of connections the CPU time is measured. */
export const CONNECTIONS = 32

export interface RowResult {
  readonly row: Row
  readonly slices: Slice[]
  /** What the server did at each number of connections, without its floor. */
  readonly at: ReadonlyMap<number, Figures>
}

interface Prepared {
  readonly row: Row
  readonly side: Side
  readonly amount: Amount
  /** The tokens, if requests carry different ones; otherwise `headers` are those of each request. */
  readonly file: string
  readonly headers: Readonly<Record<string, string>>
  readonly server: ServerProcess
}

const SIDES = ['floor', 'server'] as const
const MOST_TRIES = 6
/** Requests per second to make tokens for, while nobody knows better. More tokens are made if they run out. */
const FIRST_RATE = 2000
const READING_MS = 100
/** At the beginning of each run, connections are opened, and less is compiled. */
const UNSETTLED_READINGS = 5
const FEWEST_SLICES = 3
/** The longest measurement of a row in the first round, as a multiple of the seconds of the plan. */
const LONGEST = 4

/** Measures rows, one after another, in several rounds: a machine can be slow for longer than a row is measured. */
export async function measure(rows: readonly Row[], pace: Pace, backends: Backends): Promise<RowResult[]> {
  const bench = new Bench(backends)
  try {
    const results: RowResult[] = []
    for (const row of rows) results.push(await measureRow(bench, row, pace))
    for (let round = 2; round <= pace.rounds; round++)
      for (const { row, slices } of results) slices.push(...(await nextRound(bench, row, pace)))
    return results
  } finally {
    await bench.stop()
  }
}

async function measureRow(bench: Bench, row: Row, pace: Pace): Promise<RowResult> {
  await bench.check(row)
  await bench.loadBoth(row, pace.warmUp)
  const slices = await enoughSlices(bench, row, pace.seconds)
  const at = new Map<number, Figures>()
  for (const connections of pace.connections) at.set(connections, await bench.run(row, { connections, seconds: 1 }))
  return { row, slices, at }
}

async function nextRound(bench: Bench, row: Row, { warmUp, seconds }: Pace): Promise<Slice[]> {
  await bench.loadBoth(row, Math.ceil(warmUp / 2))
  return bench.loadBoth(row, seconds)
}

/** Takes more time if the requests are too slow. @throws Error if that does not help. */
async function enoughSlices(bench: Bench, row: Row, seconds: number): Promise<Slice[]> {
  const slices: Slice[] = []
  for (let times = 1; times <= LONGEST && slices.length < FEWEST_SLICES; times *= 2) {
    slices.push(...(await bench.loadBoth(row, times * seconds)))
  }
  if (slices.length === 0) throw new Error(`${row.name}: too few requests to measure`)
  return slices
}

/** Servers that have been started, each for all rows that name it. */
export class Bench {
  readonly #backends: Backends
  readonly #servers = new Map<string, Promise<ServerProcess>>()
  /** Requests per second, the most so far. */
  readonly #rates = new Map<string, number>()
  readonly #folder = temporaryFolder()

  constructor(backends: Backends) {
    this.#backends = backends
  }

  server(row: Row, side: Side): Promise<ServerProcess> {
    const { size = 1 } = row
    const key = `${row[side]} ${size}`
    const known = this.#servers.get(key) ?? ServerProcess.start(row[side], this.#backends, size)
    this.#servers.set(key, known)
    return known
  }

  /** Checks that the server and its floor answer as they should. */
  async check(row: Row): Promise<void> {
    await Promise.all(SIDES.map(side => this.server(row, side)))
    for (const side of SIDES) {
      const [token = ''] = readTokens(await this.#tokens(row, side, 1))
      await check(row, side, (await this.server(row, side)).origin, token)
    }
  }

  /**
   * Puts the server of a row and its floor under load at the same time, on the same core. So other work on the machine
   * slows down both alike. Returns what each slice of time shows.
   */
  async loadBoth(row: Row, seconds: number): Promise<Slice[]> {
    const amount = { connections: CONNECTIONS, seconds }
    return withEnoughTokens(row, async () => {
      const server = await this.#prepare(row, 'server', amount)
      const floor = await this.#prepare(row, 'floor', amount)
      const loads = Promise.all([this.load(server), this.load(floor)])
      const readings = await readingsUntil(loads, server.server, floor.server)
      return (await loads).every(Boolean) ? slicesOf(readings.slice(UNSETTLED_READINGS)) : undefined
    })
  }

  /** What the server of a row does, without its floor. @throws Error if a response was not the expected one. */
  run(row: Row, amount: Amount): Promise<Figures> {
    return this.prepared(row, amount, async prepared => {
      const run = await this.load(prepared)
      return run && { rate: rateOf(run), p50: run.p50, p99: run.p99 }
    })
  }

  /**
   * Prepares requests to the server of a row for `send`, and more of them while it resolves to `undefined`: there were
   * too few tokens.
   */
  async prepared<T>(row: Row, amount: Amount, send: (prepared: Prepared) => Promise<T | undefined>): Promise<T> {
    return withEnoughTokens(row, async () => send(await this.#prepare(row, 'server', amount)))
  }

  /** Makes what has to be there before the first request is sent. */
  async #prepare(row: Row, side: Side, amount: Amount): Promise<Prepared> {
    const file = await this.#tokens(row, side, this.#tokensFor(row, side, amount))
    const headers = row.request.use === 'same' ? row.request.headers(readTokens(file)[0] ?? '') : {}
    return { row, side, amount, file, headers, server: await this.server(row, side) }
  }

  /** Resolves to `undefined` if there were too few tokens. There are more the next time. */
  async load({ row, side, amount, file, headers, server }: Prepared): Promise<Run | undefined> {
    const run = await runLoad(server.origin, row.request, headers, file, amount)
    const known = this.#rates.get(keyOf(row, side)) ?? 0
    this.#rates.set(keyOf(row, side), Math.max(rateOf(run), known) * (run.ranOut ? 2 : 1))
    if (run.ranOut) return undefined
    checkRun(row, side, run)
    return run
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers.values()].map(async server => (await server).stop()))
    rmSync(this.#folder, { recursive: true, force: true })
    await this.#backends.clear()
  }

  /** A file with tokens that a server accepts: those that it makes itself, or those of the other side of the row. */
  async #tokens(row: Row, side: Side, count: number): Promise<string> {
    const file = join(this.#folder, side)
    const order = { do: 'tokens', count, kind: row.request.tokens, file } as const
    if ((await (await this.server(row, side)).ask(order)) === 0) await (await this.server(row, 'server')).ask(order)
    return file
  }

  #tokensFor(row: Row, side: Side, { seconds }: Amount): number {
    const { use } = row.request
    if (use === 'same') return 1
    if (use === 'ring') return 256
    return Math.ceil((this.#rates.get(keyOf(row, side)) ?? FIRST_RATE) * seconds * 1.5)
  }
}

const keyOf = (row: Row, side: Side) => `${row.name} ${side}`

const rateOf = ({ requests, microseconds }: Run) => (requests * 1e6) / microseconds

/** Calls `attempt` again while it resolves to `undefined`: there were too few tokens, and the next time there are more. */
async function withEnoughTokens<T>({ name }: Row, attempt: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 1; tries <= MOST_TRIES; tries++) {
    const result = await attempt()
    if (result !== undefined) return result
  }
  throw new Error(`${name}: requests were faster than tokens could be made`)
}

/** Asks a server and its floor again and again what they have done so far, until `done` settles. */
async function readingsUntil(done: Promise<unknown>, server: ServerProcess, floor: ServerProcess): Promise<Reading[]> {
  let isDone = false
  const end = () => {
    isDone = true
  }
  done.then(end, end)
  const readings: Reading[] = []
  while (!isDone) {
    const [ofServer, ofFloor] = await Promise.all([server.ask({ do: 'usage' }), floor.ask({ do: 'usage' })])
    readings.push({ server: ofServer, floor: ofFloor })
    await sleep(READING_MS)
  }
  return readings
}

function checkRun(row: Row, side: Side, run: Run): void {
  const { name, status = 200 } = row
  const refused = status < 400 ? 0 : run.requests
  if (run.requests > 0 && run.refused === refused && run.lost === 0) return
  throw new Error(`${name}: ${row[side]} did not send ${status} for each request: ${JSON.stringify(run)}`)
}

const readTokens = (file: string) => readFileSync(file, 'utf8').split('\n')
