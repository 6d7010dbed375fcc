import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Explorer, type Totals } from './schedules/explore.js'
import { choices, OPERATIONS, type Operations } from './schedules/operations.js'
import { prepare, type Scene } from './schedules/scene.js'
import { VirtualTime } from './schedules/virtual-time.js'
import { MISTAKES } from './schedules/wrong.js'

let time: VirtualTime
let scene: Scene
before(async () => {
  scene = await prepare()
  time = new VirtualTime()
})
after(() => time.end())

/**
 * What was explored when this was written. Fewer means that something is not tried any more. If an operation makes fewer
 * calls of the store now, put the numbers here that the test prints.
 */
const AT_LEAST: Readonly<Record<number, Totals>> = {
  1: { choices: 11, schedules: 91, states: 84, ends: 42 },
  2: { choices: 66, schedules: 4632, states: 3493, ends: 929 },
  3: { choices: 286, schedules: 50_000, states: 0, ends: 0 },
}

describe('in every order of their calls of the store, with a fault at any one of them', () => {
  const hold = async (count: number, t: { diagnostic(text: string): void }) => {
    const totals = await new Explorer(time, scene).exploreAll(choices(count), count < 3 ? 1 : 0)
    t.diagnostic(JSON.stringify(totals))
    for (const [what, number] of Object.entries(AT_LEAST[count] ?? {})) {
      assert.ok(totals[what as keyof Totals] >= number, `fewer ${what} than ${number}`)
    }
  }

  test('one operation keeps all promises', t => hold(1, t))
  test('two operations keep all promises', t => hold(2, t))
  test('three operations keep all promises', t => hold(3, t))
})

describe('the schedules show', () => {
  for (const { mistake, wrong, instead, breaks, among, operations = 2, faults = 0 } of MISTAKES) {
    test(`that ${mistake}`, async () => {
      const explorer = new Explorer(time, scene)
      const all: Operations = { ...OPERATIONS, ...instead }
      for (const choice of choices(operations, among)) {
        const question = { operations: choice.map(name => all[name]), faults, wrong }
        const { violation } = await explorer.explore(question, promise => breaks.test(promise))
        if (violation) return
      }
      assert.fail('no schedule shows it')
    })
  }
})
