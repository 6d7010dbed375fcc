import type { Backends } from '../backends.js'
import { type Case, type Group, guarded, sent } from '../case.js'
import { Bench, type Pace } from '../measure.js'

/** Microseconds at the median, at one connection: of the unguarded route, with one round trip to Redis, guarded on Redis. */
export interface LatencyRound {
  readonly open: number
  readonly oneTrip: number
  readonly guarded: number
}

export const LATENCY_NAME = 'Redis asked on every request, one connection: beyond one round trip'

const ONE = { load: sent({ connections: 1 }) }
const GUARDED: Case = guarded(LATENCY_NAME, 'authx/redis', 'koa/open', ONE)
const ONE_TRIP: Case = guarded(LATENCY_NAME, 'authx/redis', 'koa/redisGet', ONE)

export const latency: Group = { title: 'Latency', cases: [GUARDED, ONE_TRIP] }

/** The round trip is measured where it is made: in the same route, by the same client, with one GET. */
export async function measureLatency({ warmUp, seconds, rounds }: Pace, backends: Backends): Promise<LatencyRound[]> {
  const bench = new Bench(backends)
  const measureOnce = async (variantFirst: boolean): Promise<LatencyRound> => {
    const before = variantFirst ? await bench.run(ONE_TRIP, 'base', seconds) : undefined
    const { base: open, variant } = await bench.pair(GUARDED, seconds, variantFirst)
    const oneTrip = before ?? (await bench.run(ONE_TRIP, 'base', seconds))
    return { open: open.latency, oneTrip: oneTrip.latency, guarded: variant.latency }
  }
  try {
    for (const each of latency.cases) await bench.check(each)
    for (const each of latency.cases) await bench.warmUp(each, warmUp)
    const measured: LatencyRound[] = []
    while (measured.length < rounds) measured.push(await measureOnce(measured.length % 2 === 1))
    return measured
  } finally {
    await bench.stop()
  }
}
