import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, mock, test } from 'node:test'
import type { TokenStore } from '../../src/store.js'
import { type StoreConformance, type SuiteProcesses, testTokenStore } from '../../src/testing/index.js'
import { type SteadyClock, steadyClock } from '../support/counted.js'
import { rightStores } from './right-stores.js'
import { checkMistakes } from './wrong-stores/checking.js'
import { closeMistakes } from './wrong-stores/closing.js'
import { dateMistakes, expiryIn } from './wrong-stores/dates.js'
import { expiringMistakes } from './wrong-stores/expiring.js'
import { handleMistakes } from './wrong-stores/handles.js'
import { outageMistakes } from './wrong-stores/outages.js'
import { Backend, PlainStore, type WrongStore } from './wrong-stores/plain-store.js'
import { prefixMistakes } from './wrong-stores/prefixing.js'
import { processMistakes } from './wrong-stores/processes.js'
import { racingMistakes } from './wrong-stores/racing.js'
import { readingMistakes } from './wrong-stores/reading.js'
import { stringMistakes } from './wrong-stores/strings.js'
import { writingMistakes } from './wrong-stores/writing.js'

const mistakes = [
  ...readingMistakes,
  ...handleMistakes,
  ...writingMistakes,
  ...racingMistakes,
  ...stringMistakes,
  ...prefixMistakes,
  ...checkMistakes,
  ...closeMistakes,
  ...outageMistakes,
]

/** Seen in the moment between two dates: not to be run beside much else, nor by a clock that jumps. */
const timedMistakes = [...dateMistakes, ...expiringMistakes]

describe('a store of some lines meets the contract', () => {
  const backend = new Backend()
  testTokenStore({ test, createStore: ({ prefix } = {}) => new PlainStore(backend, prefix), ...hooksOf(backend) })
})

describe('a store of some lines meets the contract in each of three processes', { concurrency: true }, () => {
  for (const cases of inProcesses((...args) => new PlainStore(...args))) {
    for (const [name, run] of cases) if (/process/.test(name)) test(name, run)
  }
})

describe('a store that has neither prefixes nor close meets the contract', { concurrency: true }, () => {
  const store = new PlainStore(new Backend())
  const bare: TokenStore = {
    get: keys => store.get(keys),
    compareAndSet: (key, expected, value, expiresAt) => store.compareAndSet(key, expected, value, expiresAt),
  }
  testTokenStore({ test, createStore: () => bare, prefixes: false })
})

describe('the suite passes a store that', { concurrency: true }, () => {
  for (const [what, Store] of Object.entries(rightStores)) {
    test(what, async () => {
      const cases = [...casesOf((backend, prefix) => new Store(backend, prefix))]
      const isApart = ([name]: [string, unknown]) => /the backend fails/.test(name)
      await Promise.all(cases.filter(each => !isApart(each)).map(([, run]) => run()))
      for (const [, run] of cases.filter(isApart)) await run()
    })
  }
})

describe('the suite fails a store that', { concurrency: true }, () => {
  for (const each of mistakes) test(`${each.mistake}, and says so`, () => isCaught(each))
})

describe('the suite fails, about dates, a store that', { concurrency: 8 }, () => {
  let clock: SteadyClock
  before(() => {
    clock = steadyClock()
    mock.method(Date, 'now', clock.now)
  })
  after(() => {
    mock.restoreAll()
    clock.stop()
  })
  for (const each of timedMistakes) test(`${each.mistake}, and says so`, () => isCaught(each))
})

describe('the suite fails, in one process at least, a store that', { concurrency: true }, () => {
  for (const { mistake, make, caughtBy, saying } of processMistakes) {
    test(`${mistake}, and says so`, async () => {
      const outcomes = await Promise.allSettled(inProcesses(make).map(cases => cases.get(caughtBy)?.()))
      const messages = outcomes.map(outcome => outcome.status === 'rejected' && (outcome.reason as Error).message)
      assert.ok(
        messages.some(message => message && saying.test(message)),
        messages.join('\n'),
      )
    })
  }
})

describe('the suite', () => {
  test('has no case that would fail no wrong store', () => {
    const catching = new Set([...mistakes, ...timedMistakes, ...processMistakes].map(({ caughtBy }) => caughtBy))
    const cases = inProcesses((...args) => new PlainStore(...args)).flatMap(each => [...each.keys()])
    assert.deepEqual(
      cases.filter(name => !catching.has(name)),
      [],
    )
  })

  test('fails with an AssertionError for what a store says, and not for what it rejects, which is the cause', async () => {
    const away = new Error('away')
    class Away extends PlainStore {
      override get() {
        return Promise.reject(away)
      }
    }
    const name = 'a key that was never written is undefined'
    await assert.rejects(
      async () => casesOf((...args) => new Away(...args)).get(name)?.(),
      error => {
        assert.ok(!(error instanceof assert.AssertionError))
        assert.equal((error as Error).cause, away)
        return true
      },
    )
    class Null extends PlainStore {
      override read() {
        return null as unknown as string
      }
    }
    await assert.rejects(async () => casesOf((...args) => new Null(...args)).get(name)?.(), assert.AssertionError)
  })

  test('runs the cases that need a hook only if it is given', () => {
    const names: string[] = []
    testTokenStore({ test: name => names.push(name), createStore: () => new PlainStore(new Backend()) })
    assert.ok(names.length > 30)
    assert.deepEqual(
      names.filter(name => /backend|process/.test(name)),
      [],
    )
  })
})

describe('testTokenStore', () => {
  const createStore = () => new PlainStore(new Backend())
  const hooks = { test: () => {}, createStore }

  test('wrong options are a TypeError that names the option', () => {
    const outage = { start() {}, end() {} }
    const processes = { run: 'a run', count: 2, index: 0 }
    for (const [wrong, message] of [
      [{ test: undefined }, /^test must be a function/],
      [{ createStore: new PlainStore(new Backend()) }, /^createStore must be a function/],
      [{ expires: () => undefined }, /^testTokenStore: unknown option "expires"/],
      [{ expiryOf: 'PTTL' }, /^expiryOf must be a function/],
      [{ outage: { ...outage, end: undefined } }, /^outage\.end must be a function/],
      [{ outage: null }, /^outage\.start must be a function/],
      [{ processes: 4 }, /^processes must be an object/],
      [{ processes: { ...processes, run: '' } }, /^processes\.run/],
      [{ processes: { ...processes, run: 'a run '.repeat(10) } }, /^processes\.run/],
      [{ processes: { ...processes, count: 1 } }, /^processes\.count/],
      [{ processes: { ...processes, count: '2' } }, /^processes\.count/],
      [{ processes: { ...processes, index: 2 } }, /^processes\.index/],
      [{ processes: { ...processes, index: Number.NaN } }, /^processes\.index/],
    ] as const) {
      const given = { ...hooks, ...wrong } as unknown as StoreConformance
      assert.throws(() => testTokenStore(given), { name: 'TypeError', message })
    }
  })

  test('an option that is undefined counts as left out', () => {
    testTokenStore({ ...hooks, prefixes: undefined, outage: undefined, processes: undefined, expiryOf: undefined })
  })
})

type CasesByName = Map<string, () => Promise<void>>

/** The case that has to catch the mistake fails, and its message says what it has to. */
async function isCaught({ make, caughtBy, saying }: WrongStore): Promise<void> {
  const run = casesOf(make).get(caughtBy)
  assert.ok(run, `there is no case "${caughtBy}"`)
  await assert.rejects(run, error => {
    assert.match((error as Error).message, saying)
    return true
  })
}

/** The suite's cases, by name, on a new backend. */
function casesOf(make: WrongStore['make'], backend = new Backend(), processes?: SuiteProcesses): CasesByName {
  const cases: CasesByName = new Map()
  testTokenStore({
    test: (name, run) => cases.set(name, run),
    createStore: ({ prefix } = {}) => make(backend, prefix, processes?.index),
    ...hooksOf(backend),
    ...(processes && { processes }),
  })
  return cases
}

/** The same as three processes would run them. */
function inProcesses(make: WrongStore['make']): CasesByName[] {
  const backend = new Backend()
  const run = randomUUID()
  return [0, 1, 2].map(index => casesOf(make, backend, { run, count: 3, index }))
}

function hooksOf(backend: Backend): Pick<StoreConformance, 'outage' | 'expiryOf'> {
  return {
    outage: {
      start: () => {
        backend.isDown = true
      },
      end: () => {
        backend.isDown = false
      },
    },
    expiryOf: expiryIn(backend),
  }
}
