import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Keyv } from 'keyv'
import { KeyvTokenStore } from '../../stores/keyv.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { millisecondsUntil } from '../../stores/options.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { RedisTokenStore } from '../../stores/redis.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'

const STORES: Readonly<Record<string, (options: unknown) => unknown>> = {
  MemoryTokenStore: options => new MemoryTokenStore(options as never),
  SqliteTokenStore: options => new SqliteTokenStore(':memory:', options as never),
  RedisTokenStore: options => new RedisTokenStore('redis://127.0.0.1:1', options as never),
  PostgresTokenStore: options => new PostgresTokenStore('postgres://127.0.0.1:1/a', options as never),
  KeyvTokenStore: options => new KeyvTokenStore(new Keyv(), options as never),
}

for (const [name, open] of Object.entries(STORES)) {
  describe(`the options of ${name}`, () => {
    for (const [given, meant] of [
      ['prefx', 'did you mean prefix'],
      ['Prefix', 'did you mean prefix'],
      ['namespace', 'it takes prefix'],
      ['toString', 'it takes prefix'],
    ] as const) {
      test(`with "${given}" are refused: ${meant}`, () => {
        assert.throws(() => open({ [given]: 'a' }), {
          name: 'TypeError',
          message: new RegExp(`^${name}: "${given}" is not an option; ${meant}`),
        })
      })
    }

    test('are a plain object: a Map, an array or a name would be passed over', () => {
      for (const wrong of [new Map(), [], ['a'], 'authx:', 5, null, new URL('redis://a')]) {
        assert.throws(() => open(wrong), { name: 'TypeError', message: /plain object/ })
      }
    })
  })
}

for (const name of ['SqliteTokenStore', 'RedisTokenStore', 'PostgresTokenStore', 'KeyvTokenStore']) {
  test(`a misspelt timeout of ${name} is answered with the name`, () => {
    assert.throws(() => STORES[name]?.({ timeOut: 5 }), { name: 'TypeError', message: /did you mean timeout\?/ })
  })
}

describe('the life of a record', () => {
  const NOW = Date.UTC(2026, 0, 1)
  const cases: readonly [clock: number, end: number, life: number][] = [
    [NOW, NOW + 1, 1],
    [NOW + 0.25, NOW + 1, 1],
    [NOW + 0.75, NOW + 1, 1],
    [NOW - 0.25, NOW + 1, 2],
    [NOW + 0.5, NOW + 86_400_000, 86_400_000],
  ]
  for (const [clock, end, life] of cases) {
    test(`of ${end - clock} ms is given to the backend as ${life} ms`, t => {
      t.mock.method(Date, 'now', () => clock)
      assert.equal(millisecondsUntil(new Date(end)), life)
    })
  }

  test('is refused where none is left', t => {
    t.mock.method(Date, 'now', () => NOW + 0.25)
    for (const end of [NOW - 1, NOW, Number.NaN]) assert.throws(() => millisecondsUntil(new Date(end)), RangeError)
  })
})
