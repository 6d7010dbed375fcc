import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import type { TokenStore } from '../../src/store.js'
import { type StoreConformance, type SuiteProcesses, testTokenStore } from '../../src/testing/index.js'
import { outageMistakes, prefixAndCloseMistakes } from './wrong-stores/around.js'
import { expiringMistakes, expiryIn } from './wrong-stores/expiring.js'
import { handleMistakes } from './wrong-stores/handles.js'
import { Backend, PlainStore, type WrongStore } from './wrong-stores/plain-store.js'
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
  ...expiringMistakes,
  ...stringMistakes,
  ...prefixAndCloseMistakes,
  ...outageMistakes,
]

describe('a store of some lines meets the contract', () => {
  const backend = new Backend()
  testTokenStore({ test, createStore: ({ prefix } = {}) => new PlainStore(backend, prefix), ...hooksOf(backend) })
})

describe('a store of some lines meets the contract in each of three processes', { concurrency: true }, () => {
  for (const cases of inProcesses((...args) => new PlainStore(...args))) {
    for (const [name, run] of cases) if (/process/.test(name)) test(name, run)
  }
})

describe('a store that has neither prefixes nor close meets the contract', () => {
  const store = new PlainStore(new Backend())
  const bare: TokenStore = {
    get: keys => store.get(keys),
    compareAndSet: (key, expected, value, expiresAt) => store.compareAndSet(key, expected, value, expiresAt),
  }
  testTokenStore({ test, createStore: () => bare, prefixes: false })
})

describe('the suite fails a store that', { concurrency: true }, () => {
  for (const { mistake, make, caughtBy, saying } of mistakes) {
    test(`${mistake}, and says so`, async () => {
      const run = casesOf(make).get(caughtBy)
      assert.ok(run, `there is no case "${caughtBy}"`)
      await assert.rejects(run, error => {
        assert.match((error as Error).message, saying)
        return true
      })
    })
  }
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
    const catching = new Set([...mistakes, ...processMistakes].map(({ caughtBy }) => caughtBy))
    const cases = inProcesses((...args) => new PlainStore(...args)).flatMap(each => [...each.keys()])
    assert.deepEqual(
      cases.filter(name => !catching.has(name)),
      [],
    )
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

type CasesByName = Map<string, () => Promise<void>>

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
