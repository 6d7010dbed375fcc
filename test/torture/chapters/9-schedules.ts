import { Explorer } from '../../session/schedules/explore.js'
import { choices } from '../../session/schedules/operations.js'
import { prepare } from '../../session/schedules/scene.js'
import { VirtualProcess } from '../../session/schedules/virtual-process.js'
import type { Chapter, Outcome } from '../case.js'

/** Every order of the calls of so many operations, with so many faults; `npm test` does three with one. */
async function explore(operations: number, faults: number): Promise<Outcome> {
  const process = new VirtualProcess()
  try {
    const explorer = new Explorer(process, await prepare())
    const { schedules, states, ends } = await explorer.exploreAll(choices(operations), faults)
    return { count: schedules, seen: `${states} states, ${ends} ends`, broken: [] }
  } catch (error) {
    return { count: 0, seen: '', broken: [error instanceof Error ? error.message : String(error)] }
  } finally {
    process.end()
  }
}

export const chapter: Chapter = {
  title: 'Schedules',
  cases: [
    {
      name: 'three operations keep what is promised of sessions, in every order of their calls of the store, with faults at any two calls',
      seconds: { short: 300, full: 300 },
      run: () => explore(3, 2),
    },
  ],
}
