import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Koa from 'koa'
import { AuthXClient } from 'koa-authx/client'
import { loggedIn, MODES, scene } from './scene.js'

const SECRET_HEADERS = ['authorization', 'x-csrf-token', 'x-token']

/** Another origin that keeps what it is sent. */
async function stranger(t: Parameters<typeof scene>[0]) {
  const seen: Record<string, unknown>[] = []
  const app = new Koa().use(ctx => {
    seen.push(ctx.headers)
    ctx.status = 401
    ctx.body = { error_type: 'TokenExpiredError' }
  })
  const server = app.listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as { port: number }
  return { seen, origin: `http://127.0.0.1:${port}` }
}

const secretsIn = (seen: readonly Record<string, unknown>[]) =>
  seen.flatMap(headers => SECRET_HEADERS.filter(name => name in headers))

for (const tokens of MODES) {
  describe(`requests of a client with tokens: '${tokens}'`, () => {
    test('to another origin carry no token and no CSRF value, however it is named, and no refresh comes of them', async t => {
      const { server, client } = await loggedIn(t, tokens)
      const { seen, origin } = await stranger(t)
      for (const target of [`${origin}/protected`, new URL(origin), new Request(origin)]) {
        assert.equal((await client.fetch(target, { method: 'POST' })).status, 401)
      }
      assert.equal(seen.length, 3)
      assert.deepEqual(secretsIn(seen), [])
      assert.equal(server.count('POST /refresh'), 0)
    })

    test('that are redirected to another origin take nothing there', async t => {
      const { seen, origin } = await stranger(t)
      const server = await scene(t, tokens)
      const away = `/away?to=${origin}/`
      const client = server.client({ paths: { refresh: away, logout: away } })
      await client.login({ username: 'ada', password: 'lovelace' })
      // What carries nothing but Authorization, which fetch takes off, may be redirected.
      assert.equal((await client.fetch(away)).status, 401)
      assert.deepEqual([seen.length, server.count('POST /refresh')], [1, 0])
      for (const redirect of ['follow', 'manual', 'error'] as const) {
        await client.fetch(away, { method: 'POST', redirect }).catch(() => {})
      }
      const careless = server.client({ paths: { login: away } })
      await assert.rejects(client.refresh(), TypeError)
      await assert.rejects(client.logout(), TypeError)
      await assert.rejects(careless.login({ password: 'x' }), TypeError)
      assert.deepEqual(secretsIn(seen), [])
      assert.equal(seen.length, tokens === 'cookies' ? 1 : 2)
      assert.equal(client.loggedIn, true)
    })

    test('take null for no options, and for the address what the platform takes it for', async t => {
      const { server, client } = await loggedIn(t, tokens)
      assert.equal((await client.fetch('/protected', null as never)).status, 200)
      server.clock.advance('16m')
      assert.equal((await client.fetch('/protected', null as never)).status, 200)
      assert.equal((await client.fetch(new Request(`${server.origin}/protected`), null as never)).status, 200)
      const address = `${server.origin}/protected`
      const named = { toString: () => address } as never
      assert.equal((await client.fetch(named)).status, 200)
      for (const nothing of [null, undefined]) {
        await assert.rejects(client.fetch(nothing as never), { code: 'ERR_INVALID_URL' })
      }
    })

    test('that are redirected take a token in a header of another name nowhere', async t => {
      const { seen, origin } = await stranger(t)
      const names = { headerName: 'X-Token' }
      const server = await scene(t, tokens, names)
      const client = server.client(names)
      await client.login({ username: 'ada', password: 'lovelace' })
      await client.fetch(`/away?to=${origin}/`).catch(() => {})
      assert.deepEqual(secretsIn(seen), [])
    })

    test('are sent again once, not twice', async t => {
      const server = await scene(t, tokens, { accessTokenExpires: 1, refreshTokenExpires: '1d' })
      const client = server.client({
        fetch: async (input, init) => {
          // Time flies: every token is over when it is used.
          if (!String(input).endsWith('/refresh')) server.clock.advance(2)
          return server.jar.fetch(input, init)
        },
      })
      await client.login({ username: 'ada', password: 'lovelace' })
      const response = await client.fetch('/protected')
      assert.equal(response.status, 401)
      assert.equal(((await response.json()) as { error_type: string }).error_type, 'TokenExpiredError')
      assert.deepEqual([server.count('GET /protected'), server.count('POST /refresh')], [2, 1])
    })

    test('are not sent again for another reason than time', async t => {
      const { server, client } = await loggedIn(t, tokens)
      await client.refresh()
      const before = server.count('POST /refresh')
      assert.equal((await client.fetch('/fresh', { method: 'POST' })).status, 401)
      assert.equal((await client.fetch('/scoped')).status, 403)
      assert.equal((await client.fetch('/nowhere')).status, 404)
      server.store.down()
      assert.equal((await client.fetch('/protected')).status, 503)
      assert.equal(server.count('POST /refresh'), before)
      assert.equal(server.requests.length, before + 5)
    })

    test('with a stream for a body are not sent again', async t => {
      const { server, client } = await loggedIn(t, tokens)
      server.clock.advance('16m')
      const stream = new Blob(['{}']).stream()
      const pieces = (async function* () {
        yield new TextEncoder().encode('{}')
      })()
      for (const body of [stream, pieces] as unknown as ReadableStream[]) {
        const init = { method: 'POST', body, duplex: 'half' } as RequestInit
        assert.equal((await client.fetch('/protected', init)).status, 401)
      }
      const request = new Request(`${server.origin}/protected`, { method: 'POST', body: '{}' })
      assert.equal((await client.fetch(request)).status, 401)
      assert.deepEqual([server.count('POST /protected'), server.count('POST /refresh')], [3, 0])
    })

    test('may be Requests, with headers of their own', async t => {
      const { server, client } = await loggedIn(t, tokens)
      server.clock.advance('16m')
      const request = new Request(`${server.origin}/protected`, { headers: { 'X-Mine': 'a' } })
      assert.equal((await client.fetch(request)).status, 200)
      const seen = server.requests
        .filter(({ line }) => line === 'GET /protected')
        .map(({ headers }) => headers['x-mine'])
      assert.deepEqual(seen, ['a', 'a'])
    })

    test('that are refused come back with their body unread', async t => {
      const { server, client } = await loggedIn(t, tokens)
      await server.authx.revokeAllSessions('ada')
      const response = await client.fetch('/protected')
      assert.equal(response.bodyUsed, false)
      assert.equal(((await response.json()) as { error_type: string }).error_type, 'RevokedTokenError')
    })

    test('can be given up while a refresh is under way', async t => {
      const { server, client } = await loggedIn(t, tokens)
      server.clock.advance('16m')
      const controller = new AbortController()
      const watched = server.client({
        fetch: (input, init) => {
          if (String(input).endsWith('/refresh')) controller.abort()
          return server.jar.fetch(input, init)
        },
      })
      if (tokens === 'headers') await watched.login({ username: 'ada', password: 'lovelace' })
      server.clock.advance('16m')
      await assert.rejects(watched.fetch('/protected', { signal: controller.signal }), { name: 'AbortError' })
      assert.equal((await watched.fetch('/protected')).status, 200)
      client.close()
    })
  })
}

describe('requests of a client', () => {
  test('carry the CSRF value only where something is changed', async t => {
    const { server, client } = await loggedIn(t, 'cookies')
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE']) await client.fetch('/public', { method })
    const carried = server.requests.filter(({ line }) => line.endsWith('/public'))
    assert.deepEqual(
      carried.map(({ headers }) => 'x-csrf-token' in headers),
      [false, false, true, true, true],
    )
  })

  test('outlive the page where their answer changes cookies that exist: refresh and logout, not login', async t => {
    for (const tokens of MODES) {
      const server = await scene(t, tokens)
      const kept: unknown[] = []
      const client = server.client({
        fetch: (input, init) => {
          kept.push([new URL(String(input)).pathname, init.keepalive])
          return server.jar.fetch(input, init)
        },
      })
      await client.login({ username: 'ada', password: 'lovelace' })
      await client.fetch('/protected', { method: 'POST' })
      await client.refresh()
      await client.logout()
      assert.deepEqual(kept, [
        ['/login', undefined],
        ['/protected', undefined],
        ['/refresh', true],
        ['/logout', true],
      ])
    }
  })

  test('begin at baseUrl if they are paths', async t => {
    const server = await scene(t, 'headers')
    for (const baseUrl of [`${server.origin}/api/v1`, `${server.origin}/api/v1/`]) {
      const client = server.client({ baseUrl })
      await client.fetch('/notes?a=b')
    }
    assert.deepEqual(
      server.requests.map(({ line }) => line),
      ['GET /api/v1/notes', 'GET /api/v1/notes'],
    )
  })

  test('use the global fetch where no other is given', async t => {
    const server = await scene(t, 'headers')
    const client = new AuthXClient({ tokens: 'headers', baseUrl: server.origin })
    await client.login({ username: 'ada', password: 'lovelace' })
    server.clock.advance('16m')
    assert.equal((await client.fetch('/protected')).status, 200)
    await client.logout()
  })
})

test('a fetch that ignores signals holds up neither a refresh nor the logout after it', async () => {
  let hangs = false
  const fetch = async () => {
    if (hangs) return new Promise<Response>(() => {})
    const headers = { 'Content-Type': 'application/json' }
    return new Response('{"access_token":"a.e30.c","refresh_token":"r"}', { headers })
  }
  const { setTimeout: real } = globalThis
  const client = new AuthXClient({ tokens: 'headers', baseUrl: 'http://api.example', fetch })
  await client.login({})
  hangs = true
  // Every time limit of the client comes at once.
  globalThis.setTimeout = ((work: (...args: unknown[]) => void, _: number, ...args: unknown[]) =>
    real(work, 1, ...args)) as never
  try {
    const ends = await Promise.allSettled([client.refresh(), client.logout()])
    assert.deepEqual(
      ends.map(end => end.status === 'rejected' && end.reason.name),
      ['TimeoutError', 'TimeoutError'],
    )
  } finally {
    globalThis.setTimeout = real
  }
})

test('what a caller gets wrong is a rejected promise, and null stands for no options as with fetch itself', async t => {
  const { client } = await loggedIn(t, 'headers')
  const login = client.login({ id: 1n })
  await assert.rejects(login, TypeError)
  assert.equal((await client.fetch('/protected', null as never)).status, 200)
  await client.logout(null as never)
  assert.equal(client.loggedIn, false)
})
