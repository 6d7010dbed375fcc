import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { Explorer, type Totals } from './schedules/explore.js'
import { choices, OF_TWO_CLIENTS, OPERATIONS, type Operations } from './schedules/operations.js'
import { type LastResponse, prepare, type Scene } from './schedules/scene.js'
import { VirtualProcess } from './schedules/virtual-process.js'
import { WRONG_OPERATIONS } from './schedules/wrong-operations.js'
import { WRONG_RECOVERIES } from './schedules/wrong-recoveries.js'
import { WRONG_STORES } from './schedules/wrong-stores.js'

let process: VirtualProcess
const scenes = new Map<LastResponse, Scene>()
before(async () => {
  process = new VirtualProcess()
  for (const last of ['used', 'just lost', 'lost an hour ago'] as const) scenes.set(last, await prepare(last))
})
after(() => process.end())

const sceneOf = (last: LastResponse) => scenes.get(last) as Scene

/**
 * What was explored when this was written. Fewer means that something is not tried any more. If an operation makes fewer
 * calls of the store now, put the numbers here that the test prints.
 */
const AT_LEAST: Readonly<Record<LastResponse, Readonly<Record<number, Totals>>>> = {
  used: {
    1: { choices: 11, schedules: 107, states: 105, ends: 57 },
    2: { choices: 66, schedules: 25_692, states: 7_858, ends: 1_712 },
    3: { choices: 286, schedules: 79_895_714, states: 612_348, ends: 59_371 },
  },
  'just lost': {
    2: { choices: 10, schedules: 1_350, states: 812, ends: 199 },
    3: { choices: 20, schedules: 208_286, states: 21_834, ends: 2_777 },
  },
  'lost an hour ago': {
    2: { choices: 10, schedules: 1_434, states: 916, ends: 245 },
    3: { choices: 20, schedules: 299_662, states: 28_985, ends: 3_571 },
  },
}

describe('in every order of their calls of the store, with a fault at any one call', () => {
  const hold = async (count: number, t: TestContext, last: LastResponse = 'used') => {
    const explorer = new Explorer(process, sceneOf(last))
    const totals = await explorer.exploreAll(choices(count, last === 'used' ? undefined : OF_TWO_CLIENTS), 1)
    t.diagnostic(JSON.stringify(totals))
    for (const [what, number] of Object.entries(AT_LEAST[last][count] ?? {})) {
      assert.ok(totals[what as keyof Totals] >= number, `fewer ${what} than ${number}`)
    }
  }

  test('an operation keeps what is promised of sessions', t => hold(1, t))
  test('two operations keep what is promised of sessions', t => hold(2, t))
  test('three operations keep what is promised of sessions', t => hold(3, t))
  test('two operations keep what is promised when a response was just lost', t => hold(2, t, 'just lost'))
  test('three operations keep what is promised when a response was just lost', t => hold(3, t, 'just lost'))
  test('two operations keep what is promised when a response was lost an hour ago', t => hold(2, t, 'lost an hour ago'))
  test('three operations keep what is promised when a response was lost an hour ago', t =>
    hold(3, t, 'lost an hour ago'))
})

describe('some schedule shows', () => {
  for (const { mistake, wrong, instead, breaks, among, last = 'used', count = 2, faults = 0 } of [
    ...WRONG_STORES,
    ...WRONG_OPERATIONS,
    ...WRONG_RECOVERIES,
  ]) {
    test(`that ${mistake}`, async () => {
      const explorer = new Explorer(process, sceneOf(last), wrong)
      const operations: Operations = { ...OPERATIONS, ...instead }
      for (const choice of choices(count, among)) {
        const all = choice.map(name => operations[name])
        const { violation } = await explorer.explore(all, faults, promise => breaks.test(promise))
        if (violation) return
      }
      assert.fail('no schedule shows it')
    })
  }
})
