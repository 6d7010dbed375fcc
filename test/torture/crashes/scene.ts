import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sqliteDriver } from '../../../stores/sqlite-driver.js'
import type { SharedBackend } from '../../support/store-kinds.js'
import { temporaryFolder } from '../../support/temporary.js'
import type { Broken } from '../case.js'
import type { ApiProcess, Fleet } from '../fleet/fleet.js'
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
/** Seconds; long enough for a busy machine to try again inside it. */
const refreshGracePeriod = 30
/** Under `/0` as always; under `/1` what clients meet who come when the grace period is over. */
const refreshRecovery = 0
const NOW_AND_LATER = [
  { refreshGracePeriod, refreshRecovery },
  { refreshGracePeriod, refreshRecovery, ahead: 31_000 },
]
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
  return stage(async backend => {
    const { folder, remove } = await temporaryFolder()
    const processes = await fleet.startMany(SURVIVORS, { backend, instances: NOW_AND_LATER })
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
    }
  })
}

async function startVictim(fleet: Fleet, backend: SharedBackend, file: string): Promise<Victim> {
  const instances = [{ refreshGracePeriod, refreshRecovery, storeTimeout: PATIENCE }]
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
