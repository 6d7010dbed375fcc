import type { SharedBackend } from '../../support/store-kinds.js'
import { until } from '../../support/until.js'
import { Broken, type Outcome } from '../case.js'
import { Clock } from '../fleet/clock.js'
import { contentOf } from '../fleet/content.js'
import { type ApiProcess, Fleet } from '../fleet/fleet.js'
import type { LocalBackend } from '../fleet/server.js'
import { Crowd, LIVES } from './crowd.js'
import { EVERY_STAGE } from './stages.js'

export interface HourOptions {
  /** How many times faster than on the wall the hour passes. */
  readonly speed: number
  /** Who are there at the same time, at each store. */
  readonly people: number
}

/** Milliseconds. A login that is given up may have been written, and nobody would know what is owed. */
const PATIENCE = 10_000
const PATIENT = { ...LIVES, storeTimeout: PATIENCE }
const SAMPLES = 12
/** From this sample on as many records go away as come. */
const SETTLED = 5
/** Seconds on the wall that a store may take to let go of what has expired, while it is busy. */
const LAG = 5
/** The same for PostgreSQL, where a process looks for expired records every 10 to 20 seconds. */
const LAG_IN_POSTGRES = 25
/** For looking: what is looked at may expire meanwhile. */
const MARGIN = 0.5

/** One store, one server, and its people. */
interface Life {
  readonly name: string
  readonly backend: SharedBackend | LocalBackend
  readonly server: ApiProcess
  readonly clock: Clock
  readonly crowd: Crowd
  readonly people: number
  readonly broken: Broken
}

/** An hour of traffic at each store, in compressed time. */
export async function hour(options: HourOptions): Promise<Outcome> {
  const broken = new Broken()
  const fleet = new Fleet()
  const stages = Object.entries(EVERY_STAGE)
  const lived = await Promise.all(
    stages.map(([name, stage]) => stage(backend => live(name, backend, fleet, options, broken))),
  )
  const count = lived.reduce((sum, { requests }) => sum + requests, 0)
  return { count, seen: lived.map(({ seen }) => seen).join('; '), broken: broken.lines }
}

async function live(
  name: string,
  backend: Life['backend'],
  fleet: Fleet,
  { speed, people }: HourOptions,
  broken: Broken,
): Promise<{ requests: number; seen: string }> {
  const clock = new Clock(speed)
  return fleet.serving(
    { backend, instances: [PATIENT], timeout: PATIENCE, speed, origin: clock.origin },
    async server => {
      await opened(server)
      const crowd = new Crowd(name, server, clock, people, broken)
      const life: Life = { name, backend, server, clock, crowd, people, broken }
      const records: number[] = []
      for (let n = 0; n < SAMPLES; n++) {
        await clock.sleep(3600 / SAMPLES)
        records.push(await look(life))
      }
      await crowd.leave()
      await allGone(life)
      const settled = records.slice(SETTLED)
      const range = `${Math.min(...settled)} to ${Math.max(...settled)} records once settled, 0 at the end`
      const seen = `${name}: ${crowd.sessions} sessions, ${crowd.refreshes} refreshes, ${range}`
      return { requests: crowd.requests, seen }
    },
  )
}

/** Resolves when the store has made what it keeps its records in. */
async function opened({ client }: ApiProcess): Promise<void> {
  await until(async () => (await client.call('GET', '/0/sessions/nobody')).status === 200)
}

/** The store holds what it owes, and not much more than that. */
async function look({ name, backend, server, clock, crowd, people, broken }: Life): Promise<number> {
  const began = clock.now()
  const owed = crowd.sessionsOwed(began + MARGIN * 1000 * clock.speed)
  const { records, sessions } = await contentOf(backend, server)
  const quick = clock.now() < began + MARGIN * 1000 * clock.speed
  broken.unless(!quick || sessions >= owed, `${name}: it holds ${sessions} sessions and owes ${owed}`)
  // Of those who are logging in nothing is known yet.
  const lag = backend.kind === 'postgres' ? LAG_IN_POSTGRES : LAG
  const most = crowd.recordsOwed(began - lag * 1000 * clock.speed) * 1.1 + people * 2
  broken.unless(records <= most, `${name}: it holds ${records} records, and at most ${most} should be there`)
  return records
}

/** Nobody comes any more, and nothing is read. */
async function allGone({ name, backend, server, broken }: Life): Promise<void> {
  const isGone = async () => (await contentOf(backend, server)).records === 0
  await until(isGone, 90_000).catch(() => broken.add(`${name}: expired records stay`))
}
