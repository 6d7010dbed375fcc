import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXClientOptions, TokensIn } from 'koa-authx/client'
import type { AuthXOptions } from '../../src/index.js'
import { type Platform, platform } from './platform.js'
import { heardBy, MODES, type Scene, scene } from './scene.js'

/** A name that only a right decoding of UTF-8 and base64url gets right. */
const WHO = { username: 'Ädà 👑~~ÿ?', password: 'lovelace' }

/** What a platform may lack, one at a time and all at once. */
const OPTIONAL = [
  'AbortSignal',
  'AbortController',
  'ReadableStream',
  'Request',
  'Response',
  'BroadcastChannel',
  'TextDecoder',
  'atob',
  'Blob',
  'document',
  'location',
  'navigator',
]

/** What there is of a page, with the cookies of the scene. */
const pageOf = ({ jar, origin }: Scene) => ({
  document: {
    baseURI: `${origin}/`,
    get cookie() {
      return jar.cookies()
    },
  },
  location: { origin, href: `${origin}/` },
  navigator: { locks: LOCKS },
})

/** Grants every lock at once: one tab. */
const LOCKS = { request: (_: string, __: object, work: (lock: object) => Promise<unknown>) => work({}) }

const refusedLocks = (refuse: () => Promise<never>) => ({ navigator: { locks: { request: refuse } } })

function securityError(): Error {
  return new DOMException('The operation is insecure', 'SecurityError')
}

const throwing = (): never => {
  throw securityError()
}

/** What a platform may have that does not work: in a sandboxed frame, or with an opaque origin. */
const BROKEN: Record<string, () => Record<string, unknown>> = {
  'a BroadcastChannel that cannot be made': () => ({
    BroadcastChannel: function BroadcastChannel() {
      throwing()
    },
  }),
  'a BroadcastChannel that sends nothing': () => ({
    BroadcastChannel: class {
      postMessage = throwing
      close() {}
    },
  }),
  'locks that may not be taken': () => refusedLocks(() => Promise.reject(securityError())),
  'locks that throw': () => refusedLocks(throwing),
  'locks that cannot be looked at': () => ({
    navigator: {
      get locks() {
        return throwing()
      },
    },
  }),
}

async function clientOn(
  t: TestContext,
  tokens: TokensIn,
  server: Scene,
  { AuthXClient }: Platform,
  options: Partial<AuthXClientOptions> = {},
) {
  const made = new AuthXClient({
    tokens,
    baseUrl: server.origin,
    fetch: server.jar.fetch,
    cookies: server.jar.cookies,
    ...options,
  })
  t.after(() => made.close())
  return made
}

/** All that the client does, with a server that once does not answer a refresh. */
async function wholeLife(t: TestContext, tokens: TokensIn, make: (server: Scene) => Promise<Platform>) {
  const server = await scene(t, tokens)
  const realm = await make(server)
  const client = await clientOn(t, tokens, server, realm)
  const heard = heardBy(client)
  await client.login(WHO)
  assert.equal(client.claims?.sub, tokens === 'cookies' ? undefined : WHO.username)
  assert.deepEqual(await subsOf(client.fetch('/protected'), client.fetch('/protected', { method: 'POST' })), [
    WHO.username,
    WHO.username,
  ])
  server.clock.advance('16m')
  let held = 0
  server.fate = line => {
    if (line !== 'POST /refresh' || held++ > 0) return undefined
    realm.expire()
    return 'held'
  }
  const headers = { 'Content-Type': 'application/json' }
  const again = client.fetch('/protected', { method: 'POST', body: '{"a":1}', headers })
  assert.deepEqual(await (await again).json(), { sub: WHO.username, sent: { a: 1 } })
  assert.equal(server.count('POST /refresh'), 2)
  await doesNotRepeatStreams(server, client.fetch)
  server.fate = line => {
    if (line !== 'POST /logout') return undefined
    realm.expire()
    return 'held'
  }
  await assert.rejects(client.logout(), { name: 'TimeoutError' })
  assert.equal(client.loggedIn, true)
  server.fate = () => undefined
  await client.logout()
  assert.deepEqual([client.loggedIn, await server.authx.listSessions(WHO.username)], [false, []])
  assert.deepEqual(heard.map(([type]) => type).join(), 'login,refresh,logout')
}

async function subsOf(...responses: Promise<Response>[]): Promise<unknown[]> {
  const bodies = (await Promise.all(responses)).map(response => response.json() as Promise<{ sub: string }>)
  return (await Promise.all(bodies)).map(({ sub }) => sub)
}

async function doesNotRepeatStreams({ clock, count }: Scene, send: Platform['AuthXClient']['prototype']['fetch']) {
  const [posts, refreshes] = [count('POST /protected'), count('POST /refresh')]
  clock.advance('16m')
  const body = new Blob(['{}']).stream()
  const { status } = await send('/protected', { method: 'POST', body, duplex: 'half' } as RequestInit)
  assert.deepEqual([status, count('POST /protected') - posts, count('POST /refresh') - refreshes], [401, 1, 0])
}

for (const tokens of MODES) {
  describe(`a client with tokens: '${tokens}'`, () => {
    for (const name of OPTIONAL) {
      test(`does without ${name}`, t => wholeLife(t, tokens, server => platform([name], pageOf(server))))
    }

    test('does without all of these', t => wholeLife(t, tokens, () => platform(OPTIONAL)))

    test('does with all of these', t => wholeLife(t, tokens, server => platform([], pageOf(server))))

    for (const [name, besides] of Object.entries(BROKEN)) {
      test(`does with ${name}`, t => wholeLife(t, tokens, server => platform([], { ...pageOf(server), ...besides() })))
    }
  })
}

describe('a client in a page', () => {
  const OPTIONS: [string, Record<string, unknown>, AuthXOptions][] = [
    ['without document.cookie', { cookie: undefined }, { csrfInCookies: false }],
    ['without baseURI', { baseURI: undefined }, {}],
  ]
  for (const [name, changes, options] of OPTIONS) {
    test(`${name} works`, async t => {
      const server = await scene(t, 'cookies', options)
      const { document, ...others } = pageOf(server)
      const { cookie, baseURI } = document
      const realm = await platform([], { ...others, document: { cookie, baseURI, ...changes } })
      const cookies = 'cookie' in changes ? undefined : server.jar.cookies
      const client = await clientOn(t, 'cookies', server, realm, { cookies })
      await client.login(WHO)
      assert.deepEqual(await subsOf(client.fetch('/protected', { method: 'POST' })), [WHO.username])
      await client.logout()
      assert.equal(client.loggedIn, false)
    })
  }

  test('that may not read its cookies works where the server wants no CSRF value from there', async t => {
    for (const tokens of ['cookies', 'dual'] as const) {
      const server = await scene(t, tokens, { csrfInCookies: false })
      const document = {
        baseURI: `${server.origin}/`,
        get cookie() {
          return throwing()
        },
      }
      const realm = await platform([], { ...pageOf(server), document })
      const client = await clientOn(t, tokens, server, realm, { cookies: undefined })
      assert.equal(client.loggedIn, false)
      await client.login(WHO)
      server.clock.advance('16m')
      assert.deepEqual(await subsOf(client.fetch('/protected', { method: 'POST' })), [WHO.username])
      await client.logout()
      assert.equal(client.loggedIn, false)
    }
  })

  test('without BroadcastChannel does not wait for word of a tab that had its turn', async t => {
    const server = await scene(t, 'cookies')
    const asked: object[] = []
    const locks = {
      async request(_: string, options: object, work: (lock: object | null) => Promise<unknown>) {
        asked.push(options)
        return work({})
      },
    }
    const realm = await platform(['BroadcastChannel'], { ...pageOf(server), navigator: { locks } })
    const client = await clientOn(t, 'cookies', server, realm)
    // No time is over in this realm by itself.
    await client.login(WHO)
    assert.deepEqual(
      asked.map(options => Object.keys(options)),
      [['signal']],
    )
  })

  test('does not do its work twice if that fails under a lock', async t => {
    const server = await scene(t, 'cookies')
    const client = await clientOn(t, 'cookies', server, await platform([], pageOf(server)))
    await assert.rejects(client.login({ ...WHO, password: 'byron' }), { status: 401 })
    assert.equal(server.count('POST /login'), 1)
  })
})

test('a client gives up a request to a fetch that knows no signals, in time', async t => {
  const server = await scene(t, 'headers')
  const realm = await platform(['AbortSignal', 'AbortController'])
  const client = await clientOn(t, 'headers', server, realm, {
    fetch: () => {
      realm.expire()
      return new Promise(() => {})
    },
  })
  await assert.rejects(client.login(WHO), { name: 'TimeoutError' })
})
