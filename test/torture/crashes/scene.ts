import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sqliteDriver } from '../../../stores/sqlite-driver.js'
import { ask } from '../../support/postgres.js'
import type { SharedBackend } from '../../support/store-kinds.js'
import { temporaryFolder } from '../../support/temporary.js'
import { until } from '../../support/until.js'
import type { Broken } from '../case.js'
import type { ApiProcess, Fleet } from '../fleet/fleet.js'
import type { Instance } from '../fleet/server.js'
import type { Stage } from '../fleet/stage.js'
import type { LostAnswer } from '../fleet/steering.js'
import type { Place } from '../fleet/visitor.js'

/** A process that is going to be killed. */
export interface Victim {
  readonly process: ApiProcess
  /** The answers that it did not send. */
  lost(): LostAnswer[]
}

/** Processes that go on, and a supply of such that do not. */
export interface Scene {
  readonly place: Place
  victim(): Promise<Victim>
}

const SURVIVORS = 2
/** Started ahead of need, since starting is what takes time. */
const WAITING = 2
const HOUR = 3_600_000
/** Seconds; long enough for a busy machine to try again inside it. */
const refreshGracePeriod = 30
/** Access tokens outlive all of these times, so that a guard refuses them only if their session has ended. */
const always = { refreshGracePeriod, accessTokenExpires: '2d' }

/** Under `/0` requests come at once, and under the others later, by milliseconds. `/1` is after the grace period. */
const INSTANCES: readonly Instance[] = [
  always,
  { ...always, ahead: 31_000 },
  { ...always, ahead: HOUR },
  { ...always, ahead: 23 * HOUR },
  { ...always, ahead: 25 * HOUR },
  { ...always, ahead: HOUR, refreshRecovery: 0 },
]
/** Where a used-up token gets other tokens: after the grace period, and before `refreshRecovery` (1 day) is over. */
export const RECOVERING = [1, 2, 3] as const
/** Where a used-up token is reuse. */
export const PAST_RECOVERY = [4, 5] as const
/** Milliseconds. Requests wait at their points until all are there: no deadline of theirs should end them. */
const PATIENCE = 10_000

/** `victim()` may be called `victims` times. */
export function onScene<T>(
  name: string,
  stage: Stage,
  fleet: Fleet,
  broken: Broken,
  victims: number,
  work: (scene: Scene) => Promise<T>,
): Promise<T> {
  return stage(async (backend, complaints) => {
    const { folder, remove } = await temporaryFolder()
    const processes = await fleet.startMany(SURVIVORS, { backend, instances: INSTANCES })
    const waiting: Promise<Victim>[] = []
    let started = 0
    const startNext = () => {
      if (started < victims) waiting.push(startVictim(fleet, backend, join(folder, `${started++}`)))
    }
    const victim = () => {
      startNext()
      return waiting.shift() as Promise<Victim>
    }
    for (let n = 0; n < WAITING; n++) startNext()
    try {
      const place: Place = { name, processes, broken, tally: { unavailable: 0 } }
      const result = await work({ place, victim })
      broken.unless(
        processes.every(({ running }) => running),
        `${name}: a process that nobody killed has ended`,
      )
      return result
    } finally {
      for (const each of processes) await each.kill()
      for (const { process } of await Promise.all(waiting)) await process.kill()
      await remove()
      if (backend.kind === 'sqlite') checkFile(backend, broken)
      if (backend.kind === 'postgres') await checkSessions(backend, broken)
      for (const line of complaints()) broken.add(`${name}: ${line}`)
    }
  })
}

async function startVictim(fleet: Fleet, backend: SharedBackend, file: string): Promise<Victim> {
  const instances = INSTANCES.map(each => ({ ...each, storeTimeout: PATIENCE }))
  const process = await fleet.start({ backend, instances, timeout: PATIENCE, lost: file })
  const lost = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])
  return { process, lost: () => lost().map(line => JSON.parse(line) as LostAnswer) }
}

function checkFile({ at }: SharedBackend, broken: Broken): void {
  const database = sqliteDriver()(at)
  const { integrity_check: found } = database.prepare('PRAGMA integrity_check').get() as { integrity_check: string }
  broken.unless(found === 'ok', `SQLite finds its file damaged: ${found}`)
  database.close()
}

/** What a killed process was doing must not go on in the server, nor keep a row locked. */
async function checkSessions({ at }: SharedBackend, broken: Broken): Promise<void> {
  const counted = `SELECT count(*)::int AS left FROM pg_stat_activity WHERE application_name = 'koa-authx'`
  const isFree = async () => (await ask(at, counted))[0]?.left === 0
  await until(isFree, 60_000).catch(() => broken.add('PostgreSQL keeps sessions of processes that are dead'))
}
