import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AuthXClient, type ClientEventType, type ClientListener } from 'koa-authx/client'
import { loggedIn } from './scene.js'

const BASE = { tokens: 'headers', baseUrl: 'https://api.example.com' } as const

const make = (options: object) => () => new AuthXClient({ ...BASE, ...options } as never)

/** A name that is no option, and the one that was meant. */
const MEANT: [name: string, option: string][] = [
  ['baseURL', 'baseUrl'],
  ['base_url', 'baseUrl'],
  ['baseurl', 'baseUrl'],
  ['url', 'baseUrl'],
  ['base', 'baseUrl'],
  ['path', 'paths'],
  ['lockTimeouts', 'timeouts'],
  ['refreshMargin', 'refreshMarginSeconds'],
  ['storage_key', 'storageKey'],
  ['tab', 'tabs'],
  ['CSRF', 'csrf'],
  ['token', 'tokens'],
  ['tokenLocation', 'tokens'],
  ['fetcher', 'fetch'],
  ['feth', 'fetch'],
  ['cookie', 'cookies'],
  ['getCookies', 'cookies'],
  ['header', 'headerName'],
  ['headername', 'headerName'],
  ['headersType', 'headerType'],
  ['refreshCsrfCookie', 'refreshCsrfCookieName'],
  ['accessCSRFHeaderName', 'accessCsrfHeaderName'],
  ['csrfHeaderName', 'accessCsrfHeaderName'],
  ['refresh', 'paths.refresh'],
  ['refreshToken', 'paths.refresh'],
  ['refreshPath', 'paths.refresh'],
  ['loginUrl', 'paths.login'],
  ['logout', 'paths.logout'],
]

const MEANT_IN_PATHS: [name: string, member: string][] = [
  ['refreshToken', 'refresh'],
  ['Login', 'login'],
  ['logOut', 'logout'],
  ['refesh', 'refresh'],
]

const WRONG: [name: string, ...values: unknown[]][] = [
  ['tokens', undefined, null, 'cookie', '', 1, ['cookies']],
  ['baseUrl', 1, null, {}, new URL('https://api.example.com'), 'api.example.com', 'localhost:3000', 'ftp://a.example'],
  [
    'baseUrl',
    '/api',
    'api',
    './api',
    'https://api.example.com?a=b',
    'https://api.example.com#a',
    'https://api.example.com/?',
    'https://api.example.com/api#',
    'https://a:b@c.example',
  ],
  ['paths', '/auth', null, 1, ['/login']],
  [
    'paths.login',
    '',
    'login',
    1,
    null,
    false,
    ['/login'],
    'https://evil.example/login',
    '//evil.example',
    '/\\evil.example',
  ],
  ['paths.refresh', 'refresh', {}],
  ['paths.logout', true, '/log out'],
  ['headerName', '', 'X Token', 'X-Token:', 1, null],
  ['headerType', 'Bearer\n', 'a b', 1, null],
  ['accessCsrfCookieName', '', 'a=b', 'a;b', 1],
  ['accessCsrfHeaderName', '', 'a b', 'ä', 1],
  ['refreshCsrfCookieName', '', 'a b', null],
  ['refreshCsrfHeaderName', '', 'a:b', false],
  ['fetch', 'fetch', {}, null],
  ['cookies', 'a=b', {}, null, []],
  ['csrf', 'header', '', null, true],
  ['storage', {}, null, 'localStorage', { getItem() {}, setItem() {} }],
  ['storageKey', '', 1, null],
  ['refreshMarginSeconds', -1, '30', Number.NaN, null],
  ['timeouts', 5000, null, []],
  ['timeouts.login', 0, Number.POSITIVE_INFINITY],
  ['timeouts.lock', -1, 0, '5s', null, Number.NaN, 2 ** 31],
  ['lock', true, 'none', null, {}],
  ['tabs', 0, 'no', null],
]

/** `{ paths: { login: value } }` for `paths.login`. */
const optionsWith = (name: string, value: unknown) => {
  const [outer = '', inner] = name.split('.')
  return { [outer]: inner === undefined ? value : { [inner]: value } }
}

const saying = (name: string) => (error: unknown) => {
  assert.ok(error instanceof TypeError)
  assert.equal(error.message.split(' ')[0], name)
  return true
}

describe('the options of a client', () => {
  test('with an unknown name are refused, and the error suggests the right name', () => {
    for (const [name, option] of MEANT) {
      assert.throws(make({ [name]: '/x' }), {
        name: 'TypeError',
        message: new RegExp(`^AuthXClient: unknown option "${name}"; did you mean ${option}\\?`),
      })
    }
    for (const [name, member] of MEANT_IN_PATHS) {
      const message = new RegExp(`^AuthXClient: unknown option "paths\\.${name}"; did you mean paths\\.${member}\\?`)
      assert.throws(make({ paths: { [name]: '/x' } }), { name: 'TypeError', message })
    }
  })

  test('with a name unlike all others are refused, and the error lists all options', () => {
    for (const name of ['x', '', 'constructor', '__proto__x', '日本語']) {
      assert.throws(
        make({ [name]: 1 }),
        /^TypeError: AuthXClient: unknown option ".*"; it takes tokens, baseUrl, paths, /,
      )
    }
    assert.throws(make({ paths: { x: '/me' } }), /^TypeError: AuthXClient: unknown option "paths\.x"; it takes /)
    assert.throws(make({ baseURL: undefined }), /^TypeError: AuthXClient: unknown option "baseURL";/)
    assert.throws(make({ 'paths.login': '/signin' }), /^TypeError: AuthXClient: unknown option "paths\.login";/)
  })

  test('with a wrong value are refused by name', () => {
    for (const [name, ...values] of WRONG)
      for (const value of values)
        assert.throws(make(optionsWith(name, value)), saying(name), `${name}: ${String(value)}`)
  })

  test('are refused if they are not an object', () => {
    for (const options of [undefined, null, 'cookies', 1, [], () => {}]) {
      assert.throws(() => new AuthXClient(options as never), /^TypeError: the options of AuthXClient must be an object/)
    }
  })

  test('may be undefined, which means the default', () => {
    const names = ['paths', 'headerName', 'headerType', 'fetch', 'cookies', 'refreshCsrfCookieName']
    assert.ok(make(Object.fromEntries(names.map(name => [name, undefined])))())
    assert.ok(make({ paths: { login: undefined, refresh: '/r', logout: '/l?from=page' }, headerType: '' })())
  })

  test('name cookies as a function that returns a string', async () => {
    const client = new AuthXClient({ ...BASE, tokens: 'cookies', cookies: (() => ['a=b']) as never })
    for (const call of [() => client.ready, () => client.refresh(), () => client.fetch('/')])
      await assert.rejects(call(), /^TypeError: cookies must return a string/)
  })
})

describe('a listener', () => {
  test('for an unknown event is refused, and the error suggests the right event or lists all', () => {
    const client = new AuthXClient(BASE)
    for (const type of ['state', 'logouts', 'Login', '', 'constructor', '__proto__', undefined, 1, null]) {
      const message =
        /^AuthXClient: unknown event ".*"; (it takes login, refresh, logout, expired|did you mean log(in|out)\?)$/
      assert.throws(() => client.on(type as ClientEventType, () => {}), { name: 'TypeError', message }, String(type))
    }
  })

  test('that is not a function is refused', () => {
    const client = new AuthXClient(BASE)
    for (const listener of [undefined, null, 'leave', {}]) {
      assert.throws(() => client.on('logout', listener as unknown as ClientListener), /^TypeError: .*listener/)
    }
  })
})

test('the methods of a client work without it', async t => {
  const { server, client } = await loggedIn(t, 'cookies')
  const { login, fetch, refresh, logout, on, close } = client
  const heard: string[] = []
  for (const type of ['login', 'refresh', 'logout'] as const) on(type, () => heard.push(type))
  await login({ username: 'ada', password: 'lovelace' })
  const statuses = await Promise.all(['/protected', '/public'].map(path => fetch(path)))
  assert.deepEqual(
    statuses.map(({ status }) => status),
    [200, 200],
  )
  await refresh()
  await logout()
  assert.deepEqual([heard, client.loggedIn], [['login', 'refresh', 'logout'], false])
  assert.equal(server.count('POST /logout'), 1)
  close()
  assert.deepEqual(Object.keys(client), [])
  assert.equal(JSON.stringify(client), '{}')
})

test('a method of a class that is made of AuthXClient takes the place of its own', async t => {
  const { server } = await loggedIn(t, 'headers')
  class Counted extends AuthXClient {
    calls = 0
    override fetch(...of: Parameters<AuthXClient['fetch']>): Promise<Response> {
      this.calls++
      return super.fetch(...of)
    }
  }
  const client = new Counted({ tokens: 'headers', baseUrl: server.origin })
  const { fetch } = client
  assert.equal((await fetch('/public')).status, 200)
  assert.equal(client.calls, 1)
})
