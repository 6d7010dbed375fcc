import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Explorer, type Totals } from './schedules/explore.js'
import { choices, OPERATIONS, type Operations } from './schedules/operations.js'
import { prepare, type Scene } from './schedules/scene.js'
import { VirtualProcess } from './schedules/virtual-process.js'
import { WRONG_OPERATIONS } from './schedules/wrong-operations.js'
import { WRONG_STORES } from './schedules/wrong-stores.js'

let process: VirtualProcess
let scene: Scene
before(async () => {
  process = new VirtualProcess()
  scene = await prepare()
})
after(() => process.end())

/**
 * What was explored when this was written. Fewer means that something is not tried any more. If an operation makes fewer
 * calls of the store now, put the numbers here that the test prints.
 */
const AT_LEAST: Readonly<Record<number, Totals>> = {
  1: { choices: 11, schedules: 107, states: 105, ends: 57 },
  2: { choices: 66, schedules: 25_692, states: 7_858, ends: 1_712 },
  3: { choices: 286, schedules: 79_895_714, states: 612_348, ends: 59_371 },
}

describe('in every order of their calls of the store, with a fault at any one call', () => {
  const hold = async (count: number, t: { diagnostic(text: string): void }) => {
    const totals = await new Explorer(process, scene).exploreAll(choices(count), 1)
    t.diagnostic(JSON.stringify(totals))
    for (const [what, number] of Object.entries(AT_LEAST[count] ?? {})) {
      assert.ok(totals[what as keyof Totals] >= number, `fewer ${what} than ${number}`)
    }
  }

  test('an operation keeps what is promised of sessions', t => hold(1, t))
  test('two operations keep what is promised of sessions', t => hold(2, t))
  test('three operations keep what is promised of sessions', t => hold(3, t))
})

describe('some schedule shows', () => {
  for (const { mistake, wrong, instead, breaks, among, count = 2, faults = 0 } of [
    ...WRONG_STORES,
    ...WRONG_OPERATIONS,
  ]) {
    test(`that ${mistake}`, async () => {
      const explorer = new Explorer(process, scene, wrong)
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
