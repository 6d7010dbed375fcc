import { Explorer } from '../../session/schedules/explore.js'
import { choices, OF_TWO_CLIENTS, type OperationName } from '../../session/schedules/operations.js'
import { type LastResponse, prepare } from '../../session/schedules/scene.js'
import { VirtualProcess } from '../../session/schedules/virtual-process.js'
import type { Chapter, Outcome } from '../case.js'

/** Every order of the calls of three operations, with so many faults; `npm test` does it with one. */
async function explore(faults: number, last: LastResponse, among?: readonly OperationName[]): Promise<Outcome> {
  const process = new VirtualProcess()
  try {
    const explorer = new Explorer(process, await prepare(last))
    const { schedules, states, ends } = await explorer.exploreAll(choices(3, among), faults)
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
      untimed: true,
      run: () => explore(2, 'used'),
    },
    {
      name: 'three operations keep what is promised when the response of a refresh was lost, in every order of their calls of the store, with faults at any two calls',
      seconds: { short: 300, full: 300 },
      untimed: true,
      run: () => explore(2, 'lost an hour ago', OF_TWO_CLIENTS),
    },
  ],
}
