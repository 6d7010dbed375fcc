import { fork } from 'node:child_process'
import { join } from 'node:path'
import { startPostgres } from '../../support/postgres.js'
import { endOf } from '../../support/processes.js'
import { startRedis } from '../../support/redis.js'
import { temporaryFolder } from '../../support/temporary.js'
import { Broken, type Outcome } from '../case.js'
import { compiled } from '../fleet/compile.js'
import { several } from '../races/race.js'
import type { DayOptions } from './day.js'

/** Milliseconds from the end of its work to the end of the process; a timer of a second and a busy machine fit in. */
const LIMIT = 15_000

/** Processes that have done all there is to do, and then are left alone. */
export async function ending(times: number): Promise<Outcome> {
  const broken = new Broken()
  const program = compiled(join(import.meta.dirname, 'day.ts'))
  const [redis, postgres] = await Promise.all([startRedis(), startPostgres()])
  const { folder, remove } = await temporaryFolder()
  const days: DayOptions[] = [
    { kind: 'memory', at: '' },
    { kind: 'keyv', at: '' },
    { kind: 'sqlite', at: join(folder, 'tokens.sqlite') },
    // A connection is not a timer: who has one hangs up.
    { kind: 'redis', at: redis.url, closes: true },
    { kind: 'postgres', at: postgres.url, closes: true },
    // Its connections may be left open then.
    { kind: 'postgres', at: postgres.url },
    { kind: 'silent', at: '' },
  ]
  const took: number[] = []
  for (const day of days) {
    for (const each of several(times, () => watch(program, day))) {
      const milliseconds = await each
      took.push(milliseconds)
      broken.unless(milliseconds < LIMIT, `${day.kind}: a process that has nothing to do goes on`)
    }
  }
  await Promise.all([redis.stop(), postgres.stop()])
  await remove()
  const longest = Math.round(Math.max(...took))
  return { count: took.length, seen: `the longest took ${longest} ms to end`, broken: broken.lines }
}

/** Milliseconds between the end of the work and that of the process. */
function watch(program: string, day: DayOptions): Promise<number> {
  const child = fork(program, [JSON.stringify(day)], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  return new Promise((resolve, reject) => {
    let done: number | undefined
    const limit = setTimeout(() => child.kill('SIGKILL'), 2 * LIMIT)
    child.once('message', () => {
      done = performance.now()
      setTimeout(() => child.kill('SIGKILL'), LIMIT).unref()
    })
    endOf(child).then(({ code, signal }) => {
      clearTimeout(limit)
      if (done !== undefined && signal === 'SIGKILL') return resolve(Number.POSITIVE_INFINITY)
      if (code !== 0 || done === undefined) return reject(new Error(`${day.kind}: the process ended with ${code}`))
      resolve(performance.now() - done)
    })
  })
}
