import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Backends } from './backends.js'
import { type Case, type Group, guarded, type Side } from './case.js'
import { check } from './check.js'
import type { Figures, Round } from './figures.js'
import { type Run, runLoad } from './load.js'
import { ServerProcess } from './server-process.js'
import { temporaryFolder } from './temporary.js'

export interface Pace {
  /** Seconds. */
  readonly warmUp: number
  readonly seconds: number
  readonly rounds: number
}

export interface Measured {
  readonly case: Case
  readonly rounds: readonly Round[]
}

interface Prepared {
  readonly each: Case
  readonly side: Side
  readonly seconds: number
  /** Tokens, where each request carries another; else `headers` are those of all. */
  readonly file: string
  readonly headers: Readonly<Record<string, string>>
  readonly server: ServerProcess
}

const RAW = guarded('', 'raw/http', 'raw/http')
const MOST_TRIES = 4
const WARM_REQUESTS = 10_000
const MOST_WARM_UPS = 6

/**
 * Measure cases in rounds: in each, every case once, its two sides one right after the other, the first of them in turns.
 * All servers run from the beginning to the end and are idle but when their turn comes.
 */
export async function measure(
  group: Group,
  { warmUp, seconds, rounds }: Pace,
  backends: Backends,
): Promise<Measured[]> {
  const bench = new Bench(backends)
  try {
    for (const each of group.cases) await bench.check(each)
    for (const each of [RAW, ...group.cases]) await bench.warmUp(each, warmUp)
    const measured = group.cases.map(each => ({ case: each, rounds: [] as Round[] }))
    for (let round = 0; round < rounds; round++) {
      const raw = await bench.run(RAW, 'variant', seconds)
      for (const each of measured) each.rounds.push({ raw, ...(await bench.pair(each.case, seconds, round % 2 === 1)) })
    }
    return measured
  } finally {
    await bench.stop()
  }
}

/** Servers that have been started, each for all cases that name it. */
export class Bench {
  readonly #backends: Backends
  readonly #servers = new Map<string, Promise<ServerProcess>>()
  readonly #rates = new Map<Side, number>()
  readonly #folder = temporaryFolder()

  constructor(backends: Backends) {
    this.#backends = backends
  }

  server({ server, size = 1 }: Side): Promise<ServerProcess> {
    const key = `${server} ${size}`
    const known = this.#servers.get(key) ?? ServerProcess.start(server, this.#backends, size)
    this.#servers.set(key, known)
    return known
  }

  /** Whether both sides answer as they should, before anybody looks at how fast they do. */
  async check(each: Case): Promise<void> {
    for (const side of [each.base, each.variant]) {
      const [token = ''] = readTokens(await this.#tokens(each, side, 1))
      await check(each, side, (await this.server(side)).origin, token)
    }
  }

  async pair(each: Case, seconds: number, variantFirst = false): Promise<{ base: Figures; variant: Figures }> {
    if (!variantFirst)
      return { base: await this.run(each, 'base', seconds), variant: await this.run(each, 'variant', seconds) }
    return { variant: await this.run(each, 'variant', seconds), base: await this.run(each, 'base', seconds) }
  }

  /** Until V8 has compiled what is called often: that takes a number of requests, and on a busy machine more time. */
  async warmUp(each: Case, seconds: number): Promise<void> {
    for (const which of ['base', 'variant'] as const) {
      for (let requests = 0, runs = 0; requests < WARM_REQUESTS && runs < MOST_WARM_UPS; runs++) {
        requests += (await this.run(each, which, seconds)).rate * seconds
      }
    }
  }

  /** @throws Error if an answer was not what it should be. */
  async run(each: Case, which: 'base' | 'variant', seconds: number): Promise<Figures> {
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      const figures = await this.send(await this.prepare(each, each[which], seconds))
      if (figures) return figures
    }
    throw new Error(`${each.name}: ${each[which].server} was faster than tokens could be made`)
  }

  /** All that has to be there before the first request is sent. */
  async prepare(each: Case, side: Side, seconds: number): Promise<Prepared> {
    const file = await this.#tokens(each, side, this.#tokensFor(each, side, seconds))
    const headers = each.load.use === 'same' ? each.headers(readTokens(file)[0] ?? '') : {}
    return { each, side, seconds, file, headers, server: await this.server(side) }
  }

  /** `undefined` if there were too few tokens; there will be more the next time. */
  async send({ each, side, seconds, file, headers, server }: Prepared): Promise<Figures | undefined> {
    const before = await server.ask({ do: 'cpu' })
    const run = await runLoad(server.origin, each.load, headers, file, seconds)
    const cpu = (await server.ask({ do: 'cpu' })) - before
    const figures = figuresOf(run, cpu)
    this.#rates.set(side, Math.max(figures.rate, this.#rates.get(side) ?? 0) * (run.ranOut ? 2 : 1))
    if (run.ranOut) return undefined
    expectAnswers(each, side, run)
    return figures
  }

  async stop(): Promise<void> {
    for (const server of this.#servers.values()) await server.then(each => each.stop())
    rmSync(this.#folder, { recursive: true, force: true })
    await this.#backends.clear()
  }

  /** A file with tokens that the side accepts: its own, or those of what it is compared with if it makes none. */
  async #tokens({ tokens: type, base, variant }: Case, side: Side, count: number): Promise<string> {
    const file = join(this.#folder, 'tokens')
    for (const maker of [side, variant, base]) {
      const made = await (await this.server(maker)).ask({ do: 'tokens', count, type, file })
      if (made > 0) break
    }
    return file
  }

  #tokensFor({ load: { use, connections } }: Case, side: Side, seconds: number): number {
    if (use === 'same') return 1
    if (use === 'ring') return 256
    // wrk asks for one request more, to see whether it is well formed.
    if (use === 'chain') return connections + 1
    return Math.ceil((this.#rates.get(side) ?? 5000) * seconds * 2)
  }
}

function figuresOf({ requests, microseconds, median }: Run, cpu: number): Figures {
  return { rate: (requests * 1e6) / microseconds, cpu: cpu / requests, latency: median }
}

function expectAnswers(each: Case, { server, status = 200 }: Side, run: Run): void {
  const refused = status < 400 ? 0 : run.requests
  if (run.requests > 0 && run.refused === refused && run.lost === 0 && run.broken === 0) return
  throw new Error(`${each.name}: ${server} did not answer ${status} to each request: ${JSON.stringify(run)}`)
}

const readTokens = (file: string) => readFileSync(file, 'utf8').split('\n')
