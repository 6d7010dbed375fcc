import { until } from '../../support/until.js'
import { Broken, type Outcome } from '../case.js'
import { Clock } from '../fleet/clock.js'
import { contentOf } from '../fleet/content.js'
import { type ApiProcess, Fleet } from '../fleet/fleet.js'
import { Crowd, KEPT_AT_MOST, LIVES } from './crowd.js'
import { EVERY_STAGE } from './stages.js'

/** So fast that what a block leaves in the store is gone seconds later. */
const SPEED = 600
const PEOPLE = 8
/** In the first blocks Node is still compiling, and its own tables grow. */
const BLOCKS = 6
const WARM = 3
/** Bytes by which the later blocks may differ from the last warm one: what Node goes on compiling and has not collected. */
const NOISE = 1.5 * 2 ** 20

/** The heap of servers that keep nothing but what is in their store, after blocks of so many requests. */
export async function heap(requests: number): Promise<Outcome> {
  const broken = new Broken()
  const fleet = new Fleet(['--expose-gc'])
  const stages = Object.entries(EVERY_STAGE)
  const blocks = stages.map(([name, stage]) => stage(backend => grow(name, backend, fleet, requests, broken)))
  const grown = await Promise.all(blocks)
  const count = grown.reduce((sum, { requests }) => sum + requests, 0)
  return { count, seen: grown.map(({ seen }) => seen).join('; '), broken: broken.lines }
}

async function grow(
  name: string,
  backend: Parameters<typeof contentOf>[0],
  fleet: Fleet,
  requests: number,
  broken: Broken,
): Promise<{ requests: number; seen: string }> {
  const clock = new Clock(SPEED)
  return fleet.serving({ backend, instances: [LIVES], speed: SPEED, origin: clock.origin }, async server => {
    const heaps: number[] = []
    let made = 0
    for (let block = 0; block < BLOCKS; block++) {
      made += await crowdOf(name, server, clock, requests, broken)
      await over(backend, server, clock)
      heaps.push((await server.figures()).heap)
    }
    const seen = `${name}: ${heaps.map(megabytes).join(', ')} MB`
    broken.unless(
      Math.max(...heaps.slice(WARM)) < (heaps[WARM - 1] as number) + NOISE,
      `the heap went on growing: ${seen}`,
    )
    return { requests: made, seen }
  })
}

/** Resolves when nothing of a block counts any more. What PostgreSQL has not deleted yet is not in the server's heap. */
async function over(backend: Parameters<typeof contentOf>[0], server: ApiProcess, clock: Clock): Promise<void> {
  if (backend.kind === 'postgres') await clock.sleep(KEPT_AT_MOST)
  else await until(async () => (await contentOf(backend, server)).records === 0, 90_000)
}

/** How many requests they made. */
async function crowdOf(
  name: string,
  server: ApiProcess,
  clock: Clock,
  requests: number,
  broken: Broken,
): Promise<number> {
  const crowd = new Crowd(name, server, clock, PEOPLE, broken, true)
  await until(() => crowd.requests >= requests, 120_000)
  await crowd.leave()
  return crowd.requests
}

const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1)
