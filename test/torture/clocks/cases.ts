import { Broken, type Outcome, type Pass } from '../case.js'
import { randomOf, SEED } from '../fleet/random.js'
import { STAGES } from '../fleet/stage.js'
import { tryBoundaries, tryClocksApart } from './boundaries.js'
import { Group } from './group.js'
import { Schedule } from './schedule.js'

const START = Date.UTC(2026, 5, 1, 12)
const HISTORIES: Readonly<Record<Pass, number>> = { full: 500, short: 25 }
const STEPS = 60

/** Three servers on one store live through many histories. */
export async function histories(pass: Pass, kind: keyof typeof STAGES): Promise<Outcome> {
  const broken = new Broken()
  return STAGES[kind](async backend => {
    const group = await Group.open(backend, 3, broken)
    for (let n = 0; n < HISTORIES[pass]; n++) {
      await new Schedule(group, randomOf(1000 + n), `history ${n} `.replaceAll(' ', '-'), START).run(STEPS)
    }
    await group.close()
    const seen = `${HISTORIES[pass]} histories, seed ${SEED}; ${group.passed} requests were let through`
    return { count: group.count, seen, broken: broken.lines }
  })
}

/** One in so many. */
const STEPS_BETWEEN: Readonly<Record<Pass, number>> = { full: 1, short: 13 }

/** Two servers on one store, asked at the very moments at which things begin and end. */
export const boundaries = (pass: Pass) => onEach(group => tryBoundaries(group, STEPS_BETWEEN[pass]))

/** Two servers on one store whose clocks do not agree. */
export const clocksApart = (pass: Pass) => onEach(group => tryClocksApart(group, STEPS_BETWEEN[pass]))

/** The same work on each kind of store. */
async function onEach(work: (group: Group) => Promise<void>): Promise<Outcome> {
  const broken = new Broken()
  const passed: string[] = []
  let count = 0
  for (const [kind, stage] of Object.entries(STAGES)) {
    await stage(async backend => {
      const group = await Group.open(backend, 2, broken)
      await work(group)
      await group.close()
      count += group.count
      passed.push(`${kind}: ${group.passed}`)
    })
  }
  return { count, seen: `requests let through: ${passed.join('; ')}`, broken: broken.lines }
}
