import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Backends } from './backends.js'
import { median } from './figures.js'
import { runLoad } from './load.js'
import { type Sent, sendAtRate } from './open-load.js'
import { type Row, row } from './row.js'
import { ServerProcess } from './server-process.js'

/** What a server did with more requests than it can answer at once. */
export interface BusyResult {
  /** Multiple of the rate that the floor can answer. */
  readonly load: number
  readonly guarded: Outcome
  readonly floor: Outcome
}

export interface Outcome {
  readonly requests: number
  /** Responses with the status 503. */
  readonly unavailable: number
  /** Other responses than 200 and 503, and requests without a response. */
  readonly failed: number
  /** Latencies, in milliseconds. */
  readonly p50: number
  readonly p99: number
}

const SECONDS = 1
const SATURATING = { connections: 32, seconds: 2 }

/** A guarded route on a Redis without any fault. Each request keeps the process busy for 2 ms. */
const BUSY: Row = row('busy process, Redis', 'busy/redis', 'busy/redisFloor')

/**
 * Sends requests for a second at a multiple of the rate that the floor can answer, whether or not earlier ones have been
 * answered, and waits for all responses.
 */
export async function measureBusy(loads: readonly number[], backends: Backends): Promise<BusyResult[]> {
  const guarded = await ServerProcess.start(BUSY.server, backends)
  const floor = await ServerProcess.start(BUSY.floor, backends)
  try {
    const token = await tokenOf(guarded)
    await saturate(guarded, token)
    const rate = await saturate(floor, token)
    const results: BusyResult[] = []
    for (const load of loads) {
      const send = async ({ origin }: ServerProcess) =>
        outcomeOf(await sendAtRate(origin, BUSY.request, token, { rate: load * rate, seconds: SECONDS }))
      results.push({ load, floor: await send(floor), guarded: await send(guarded) })
    }
    return results
  } finally {
    await guarded.stop()
    await floor.stop()
    await backends.clear()
  }
}

/** Requests per second of a server that always has some to answer. */
async function saturate({ origin }: ServerProcess, token: string): Promise<number> {
  const { requests, microseconds } = await runLoad(origin, BUSY.request, BUSY.request.headers(token), '', SATURATING)
  return (requests * 1e6) / microseconds
}

async function tokenOf(server: ServerProcess): Promise<string> {
  const file = join(server.folder, 'tokens')
  await server.ask({ do: 'tokens', count: 1, kind: 'access', file })
  return readFileSync(file, 'utf8').trim()
}

function outcomeOf(sent: readonly Sent[]): Outcome {
  const latencies = sent.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
  const unavailable = sent.filter(({ status }) => status === 503).length
  return {
    requests: sent.length,
    unavailable,
    failed: sent.filter(({ status }) => status !== 200).length - unavailable,
    p50: median(latencies),
    p99: latencies[Math.ceil(latencies.length * 0.99) - 1] ?? 0,
  }
}
