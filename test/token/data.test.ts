import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, makeAuthX, serve } from '../support/app.js'
import { contentOf } from '../support/signing.js'

class User {
  name = 'ada'
  password = 'TEST_ONLY_hash'
}

class Document {
  readonly #inside = { name: 'ada', password: 'TEST_ONLY_hash' }
  toJSON() {
    return this.#inside
  }
}

const cycle: Record<string, unknown> = {}
cycle.again = cycle
const deep: object = Array.from({ length: 5000 }).reduce<object>(inner => ({ inner }), {})
const withSymbol = { [Symbol('secret')]: 1 }
const withGetter = Object.defineProperty({}, 'role', { enumerable: true, get: () => 'admin' })
const sparse = new Array(3)
const listWithJson = Object.assign(['a'], { toJSON: () => ['b'] })

/** What is no claim, as the member `x` of `data`, and what the message names. */
const REFUSED: readonly [what: string, value: unknown, path: string][] = [
  ['an instance of a class', new User(), 'data.x'],
  ['an object with a toJSON of its class', new Document(), 'data.x'],
  ['an object with a toJSON of its own', { toJSON: () => ({ role: 'admin' }) }, 'data.x'],
  ['an object that inherits a toJSON', Object.create({ toJSON: () => 'a' }), 'data.x'],
  ['a Date', new Date(0), 'data.x'],
  ['a Map', new Map([['a', 1]]), 'data.x'],
  ['a Set', new Set(['a']), 'data.x'],
  ['a Buffer', Buffer.from('a'), 'data.x'],
  ['an Error', new Error('a'), 'data.x'],
  ['a RegExp', /a/, 'data.x'],
  ['a boxed string', Object('a'), 'data.x'],
  ['a promise', Promise.resolve('a'), 'data.x'],
  ['a function', () => 'a', 'data.x'],
  ['a symbol', Symbol('a'), 'data.x'],
  ['a BigInt', 1n, 'data.x'],
  ['NaN', Number.NaN, 'data.x'],
  ['Infinity', Number.POSITIVE_INFINITY, 'data.x'],
  ['a hole in a list', sparse, 'data.x[0]'],
  ['undefined in a list', [1, undefined], 'data.x[1]'],
  ['a list with a toJSON', listWithJson, 'data.x'],
  ['a name that is a symbol', withSymbol, 'data.x.'],
  ['a getter', withGetter, 'data.x.role'],
  ['a list with a getter', Object.defineProperty([1], 0, { get: () => 'admin' }), 'data.x[0]'],
  ['a list of a class', new (class extends Array {})(), 'data.x'],
  ['a proxy', new Proxy({ a: 'ok' }, {}), 'data.x'],
  ['a Date with another prototype', Object.setPrototypeOf(new Date(0), Object.prototype), 'data.x'],
  ['a cycle', cycle, 'data.x.again'],
  ['too deep a nesting', deep, 'data.x.inner'],
  ['an instance further down', { list: [{ user: new User() }] }, 'data.x.list[0].user'],
]

describe('data takes plain objects of JSON values', () => {
  for (const [what, value, path] of REFUSED) {
    test(`and refuses ${what}, by its path and without its value`, () => {
      assert.throws(
        () => makeAuthX().createAccessToken('test', { data: { x: value } }),
        (error: Error) =>
          error instanceof TypeError && error.message.startsWith(path) && !/ada|TEST_ONLY|admin/.test(error.message),
      )
    })
  }

  test('and refuses whole objects that are none', () => {
    for (const data of [new User(), new Document(), { toJSON: () => ({ sub: 'root' }) }, [], 'a', null, new Map(), 5]) {
      assert.throws(() => makeAuthX().createAccessToken('test', { data: data as never }), TypeError)
    }
  })

  test('as they are, of any realm, without members that are undefined', () => {
    const foreign = runInNewContext('({ list: [1, { a: null }], text: "a" })')
    const bare = Object.assign(Object.create(null), { role: 'admin' })
    const data = { foreign, bare, missing: undefined, no: false, zero: 0, empty: '', list: [] }
    const { claims } = contentOf(makeAuthX().createAccessToken('test', { data }))
    assert.deepEqual(claims.foreign, { list: [1, { a: null }], text: 'a' })
    assert.deepEqual(claims.bare, { role: 'admin' })
    assert.deepEqual([claims.no, claims.zero, claims.empty, claims.list], [false, 0, '', []])
    assert.equal('missing' in claims, false)
  })
})

test('login, createTokenPair, createRefreshToken and refresh refuse it too, and nothing is opened or used up', async t => {
  const authx = makeAuthX({ store: new MemoryTokenStore() })
  const data = { user: new Document() } as Record<string, unknown>
  let refreshData: Record<string, unknown> | undefined = data
  const app = appOf(authx.middleware(), async ctx => {
    ctx.body =
      ctx.path === '/login'
        ? await authx.login(ctx, 'test', { data })
        : await authx.refresh(ctx, refreshData && { data: refreshData })
  })
  const client = await serve(t, app)
  await assert.rejects(authx.createTokenPair('test', { data }), TypeError)
  assert.throws(() => authx.createRefreshToken('test', { data }), TypeError)
  assert.equal((await client({ method: 'POST', path: '/login' })).status, 500)
  assert.deepEqual(await authx.listSessions('test'), [])
  const { refresh_token } = await authx.createTokenPair('test')
  const refresh = () => client({ method: 'POST', path: '/refresh', headers: [bearer(refresh_token)] })
  assert.equal((await refresh()).status, 500)
  refreshData = undefined
  assert.equal((await refresh()).status, 200)
})

test('device and headers are plain objects of JSON values too', async () => {
  const authx = makeAuthX({ store: new MemoryTokenStore() })
  await assert.rejects(authx.createTokenPair('test', { device: { user: new User() } }), /^TypeError: device\.user /)
  assert.throws(() => authx.createAccessToken('test', { headers: { x: new Date(0) } }), /^TypeError: headers\.x /)
})
