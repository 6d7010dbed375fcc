import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import Koa from 'koa'
import { AuthXClient, AuthXClientError } from 'koa-authx/client'
import { AuthX } from '../../src/index.js'
import { Program } from '../examples/programs.js'
import { TEST_SECRET } from '../support/app.js'
import { projectFor } from '../support/markdown.js'
import { Jar } from './jar.js'
import { CREDENTIALS, heardBy, loggedIn, MODES, scene } from './scene.js'

const PROGRAM_THAT_ENDS = `
  import { AuthXClient } from 'koa-authx/client'
  const location = { href: 'http://localhost/', origin: 'http://localhost' }
  Object.assign(globalThis, { document: { cookie: 'csrf_refresh_token=a' }, location })
  const client = new AuthXClient({ tokens: 'cookies' })
  client.on('logout', () => {})
  console.log(client.loggedIn)
`

const refused = (status: number, errorType: string | undefined) => (error: unknown) => {
  assert.ok(error instanceof AuthXClientError)
  assert.deepEqual([error.status, error.errorType], [status, errorType])
  return true
}

for (const tokens of MODES) {
  describe(`a client with tokens: '${tokens}'`, () => {
    test('rejects, and never throws at once, and can be used again', async t => {
      const server = await scene(t, tokens)
      const client = server.client()
      const circular: Record<string, unknown> = {}
      circular.itself = circular
      const failing = {
        get username() {
          throw new TypeError('TEST')
        },
      }
      for (const credentials of [{ a: 1n }, circular, failing]) {
        let login: Promise<unknown> | undefined
        assert.doesNotThrow(() => {
          login = client.login(credentials)
        })
        await assert.rejects(login ?? Promise.resolve(), TypeError)
      }
      assert.equal(server.count('POST /login'), 0)
      const careless = server.client({ cookies: () => 5 as never })
      for (const call of [() => careless.refresh(), () => careless.logout(), () => careless.fetch('/protected')]) {
        let answer: Promise<unknown> | undefined
        assert.doesNotThrow(() => {
          answer = call()
        })
        await answer?.catch(() => {})
      }
      await client.login(CREDENTIALS)
      assert.equal((await client.fetch('/protected')).status, 200)
    })

    test('logs in, calls, refreshes and logs out', async t => {
      const server = await scene(t, tokens)
      const client = server.client()
      const heard = heardBy(client)
      assert.equal(client.loggedIn, false)
      const body = await client.login(CREDENTIALS)
      assert.equal(body.expires_in, 900)
      assert.equal(client.loggedIn, true)
      for (const method of ['GET', 'POST']) {
        const response = await client.fetch('/protected', { method })
        assert.equal(response.status, 200)
        assert.equal(((await response.json()) as { sub: string }).sub, 'ada')
      }
      await client.refresh()
      assert.equal((await client.fetch('/protected')).status, 200)
      await client.logout()
      assert.equal(client.loggedIn, false)
      assert.equal((await client.fetch('/protected')).status, 401)
      assert.equal(server.count('POST /refresh'), 1)
      assert.deepEqual(heard, [
        ['login', { elsewhere: false }],
        ['refresh', { elsewhere: false }],
        ['logout', { elsewhere: false }],
      ])
    })

    test('shows an access token and its claims only if it is in memory', async t => {
      const { client } = await loggedIn(t, tokens)
      const held = tokens !== 'cookies'
      assert.equal(typeof client.accessToken === 'string', held)
      assert.deepEqual([client.claims?.sub, client.claims?.role], held ? ['ada', 'countess'] : [undefined, undefined])
      await client.logout()
      assert.deepEqual([client.accessToken, client.claims], [undefined, undefined])
    })

    test('says why a login was refused, and is not logged in', async t => {
      const server = await scene(t, tokens)
      const client = server.client()
      await assert.rejects(client.login({ ...CREDENTIALS, password: 'byron' }), refused(401, 'InvalidCredentialsError'))
      assert.equal(client.loggedIn, false)
    })

    test('refreshes an expired access token and sends the request again, with its body', async t => {
      const { server, client } = await loggedIn(t, tokens)
      server.clock.advance('16m')
      const headers = { 'Content-Type': 'application/json' }
      const response = await client.fetch('/protected', { method: 'POST', body: '{"a":1}', headers })
      assert.deepEqual(await response.json(), { sub: 'ada', sent: { a: 1 } })
      assert.deepEqual([server.count('POST /protected'), server.count('POST /refresh')], [2, 1])
    })

    test('refreshes once for fifty calls', async t => {
      const { server, client, heard } = await loggedIn(t, tokens)
      server.clock.advance('16m')
      const responses = await Promise.all(Array.from({ length: 50 }, () => client.fetch('/protected')))
      assert.deepEqual(new Set(responses.map(({ status }) => status)), new Set([200]))
      assert.equal(server.count('POST /refresh'), 1)
      assert.deepEqual(heard.filter(([type]) => type === 'refresh').length, 1)
    })

    test('refreshes once, too, if the refusals come in one after another', async t => {
      const { server, client } = await loggedIn(t, tokens)
      server.clock.advance('16m')
      let release = () => {}
      const held = new Promise<void>(resolve => {
        release = resolve
      })
      const late = server.client({
        fetch: async (input, init) => {
          const response = await server.jar.fetch(input, init)
          if (String(input).endsWith('/protected?late')) await held
          return response
        },
      })
      if (tokens === 'cookies') await late.refresh()
      else await late.login(CREDENTIALS)
      server.clock.advance('16m')
      const before = server.count('POST /refresh')
      const slow = late.fetch('/protected?late')
      assert.equal((await late.fetch('/protected')).status, 200)
      release()
      assert.equal((await slow).status, 200)
      assert.equal(server.count('POST /refresh') - before, 1)
      client.close()
    })

    test('tells of the end of a login once, with the reason, however many calls run into it', async t => {
      const { server, client, heard } = await loggedIn(t, tokens)
      await server.authx.revokeAllSessions('ada')
      server.clock.advance('16m')
      const responses = await Promise.all(Array.from({ length: 5 }, () => client.fetch('/protected')))
      assert.deepEqual(new Set(responses.map(({ status }) => status)), new Set([401]))
      assert.deepEqual(heard, [['logout', { elsewhere: false, reason: 'RevokedTokenError' }]])
      assert.deepEqual([client.loggedIn, server.count('POST /refresh')], [false, 1])
      await assert.rejects(client.refresh(), AuthXClientError)
      assert.equal(heard.length, 1)
    })

    test('can log in again after the end of a login whose cookies are still there', async t => {
      const { server, client } = await loggedIn(t, tokens)
      await server.authx.revokeAllSessions('ada')
      await assert.rejects(client.refresh(), refused(401, 'RevokedTokenError'))
      assert.equal(client.loggedIn, false)
      await client.login(CREDENTIALS)
      assert.equal(client.loggedIn, true)
      assert.equal((await client.fetch('/protected')).status, 200)
    })

    test('refreshes once for a revoked token, and no more when the login is over', async t => {
      const { server, client } = await loggedIn(t, tokens)
      await server.authx.revokeAllSessions('ada')
      for (let n = 0; n < 3; n++) assert.equal((await client.fetch('/protected')).status, 401)
      assert.equal(server.count('POST /refresh'), 1)
      assert.equal(client.loggedIn, false)
    })

    test('survives a refresh whose answer is lost after the server has applied it', async t => {
      const { server, client, heard } = await loggedIn(t, tokens)
      let lost = 0
      server.fate = line => (line === 'POST /refresh' && lost++ === 0 ? 'cut' : undefined)
      server.clock.advance('16m')
      assert.equal((await client.fetch('/protected')).status, 200)
      assert.deepEqual([lost, server.count('POST /refresh')], [2, 2])
      await client.refresh()
      assert.deepEqual(
        heard.map(([type]) => type),
        ['refresh', 'refresh'],
      )
    })

    test('stays logged in while the network is down', async t => {
      const { server, client, heard } = await loggedIn(t, tokens)
      await server.offline()
      const unreachable = (error: unknown) => error instanceof TypeError && !(error instanceof AuthXClientError)
      await assert.rejects(client.fetch('/protected'), unreachable)
      await assert.rejects(client.refresh(), unreachable)
      await assert.rejects(client.logout(), unreachable)
      assert.deepEqual([client.loggedIn, heard], [true, []])
      await server.online()
      server.clock.advance('16m')
      assert.equal((await client.fetch('/protected')).status, 200)
    })

    test('stays logged in while the store is away', async t => {
      const { server, client, heard } = await loggedIn(t, tokens)
      server.store.down()
      assert.equal((await client.fetch('/protected')).status, 503)
      await assert.rejects(client.refresh(), refused(503, 'StoreUnavailableError'))
      await assert.rejects(client.logout(), refused(503, 'StoreUnavailableError'))
      server.clock.advance('16m')
      await assert.rejects(client.fetch('/protected'), refused(503, 'StoreUnavailableError'))
      assert.deepEqual([client.loggedIn, heard], [true, []])
      server.store.heal()
      assert.equal((await client.fetch('/protected')).status, 200)
    })

    test('has no token where it can be printed', async t => {
      const { server, client, heard } = await loggedIn(t, tokens)
      await client.refresh()
      const printed = [client, heard, await client.login({}).catch(error => error)].map(each =>
        inspect(each, { depth: 9 }),
      )
      await server.authx.revokeAllSessions('ada')
      printed.push(inspect(await client.refresh().catch(error => error)), JSON.stringify(client))
      assert.doesNotMatch(printed.join(), /eyJ/)
    })
  })
}

describe('a client', () => {
  test('refreshes first if there is a login and no access token in memory, as after a reload', async t => {
    const { server } = await loggedIn(t, 'dual')
    const reloaded = server.client()
    assert.deepEqual([reloaded.loggedIn, reloaded.accessToken], [true, undefined])
    assert.equal((await reloaded.fetch('/protected')).status, 200)
    assert.deepEqual([server.count('GET /protected'), server.count('POST /refresh')], [1, 1])
  })

  test('sends without a token what it finds no login for, and does not refresh', async t => {
    const server = await scene(t, 'dual')
    const client = server.client()
    assert.deepEqual([(await client.fetch('/protected')).status, (await client.fetch('/public')).status], [401, 200])
    assert.equal(server.count('POST /refresh'), 0)
  })

  test('refreshes if the browser has dropped the cookie of the access token', async t => {
    for (const dropped of [['access_token_cookie'], ['access_token_cookie', 'csrf_access_token']]) {
      const { server, client } = await loggedIn(t, 'cookies')
      for (const name of dropped) server.jar.drop(name)
      assert.equal((await client.fetch('/protected', { method: 'POST' })).status, 200)
      assert.equal(server.count('POST /refresh'), 1)
    }
  })

  test('refreshes first if the browser has dropped it, so that no optional guard takes the user for nobody', async t => {
    const { server } = await loggedIn(t, 'cookies')
    server.clock.advance('16m')
    for (const name of ['access_token_cookie', 'csrf_access_token']) server.jar.drop(name)
    const page = server.client()
    assert.equal(((await (await page.fetch('/optional')).json()) as { sub?: string }).sub, 'ada')
    assert.deepEqual(
      server.requests.map(({ line }) => line),
      ['POST /login', 'POST /refresh', 'GET /optional'],
    )
  })

  test('refreshes first once only if the page cannot read its CSRF cookie', async t => {
    const { server } = await loggedIn(t, 'cookies', { accessCsrfCookiePath: '/protected' })
    const page = server.client()
    for (const path of ['/optional', '/protected', '/optional']) assert.equal((await page.fetch(path)).status, 200)
    assert.equal(server.count('POST /refresh'), 1)
  })

  test('logs out with the refresh token if the access token has been dropped', async t => {
    const { server, client } = await loggedIn(t, 'cookies')
    for (const name of ['access_token_cookie', 'csrf_access_token']) server.jar.drop(name)
    await client.logout()
    assert.deepEqual([client.loggedIn, await server.authx.listSessions('ada')], [false, []])
  })

  test('takes the CSRF value from bodies, where the server has it there', async t => {
    const { server, client } = await loggedIn(t, 'cookies', { csrfInCookies: false })
    assert.equal(server.jar.cookies(), '')
    server.clock.advance('16m')
    assert.equal((await client.fetch('/protected', { method: 'POST' })).status, 200)
    await client.logout()
    assert.equal(client.loggedIn, false)
  })

  test('speaks of names as the server was told to', async t => {
    const names = {
      accessCsrfCookieName: 'a_csrf',
      accessCsrfHeaderName: 'X-A',
      refreshCsrfCookieName: 'r_csrf',
      refreshCsrfHeaderName: 'X-R',
    }
    const server = await scene(t, 'cookies', names)
    const client = server.client(names)
    await client.login(CREDENTIALS)
    assert.equal((await client.fetch('/protected', { method: 'POST' })).status, 200)
    await client.refresh()
    await client.logout()
    const own = { headerName: 'X-Token', headerType: '' }
    const other = await scene(t, 'headers', own)
    const sender = other.client(own)
    await sender.login(CREDENTIALS)
    assert.equal((await sender.fetch('/protected')).status, 200)
  })

  test('calls nobody logged out on another refusal of a refresh than 401', async t => {
    const { server, client, heard } = await loggedIn(t, 'cookies')
    const careless = server.client({ refreshCsrfHeaderName: 'X-Other' })
    await assert.rejects(careless.refresh(), refused(403, 'MissingCSRFTokenError'))
    assert.deepEqual([careless.loggedIn, client.loggedIn, heard], [true, true, []])
  })

  test('calls nobody logged out on a 401 that is not of the library, such as that of a gateway', async t => {
    const { server } = await loggedIn(t, 'cookies')
    const gate = (type: string, body: string) => async () =>
      new Response(body, { status: 401, headers: { 'Content-Type': type } })
    for (const fetch of [gate('text/html', '<h1>Sign in</h1>'), gate('application/json', '{"message":"No"}')]) {
      const behind = server.client({ fetch })
      const heard = heardBy(behind)
      await assert.rejects(behind.refresh(), refused(401, undefined))
      await assert.rejects(behind.logout(), refused(401, undefined))
      assert.deepEqual([behind.loggedIn, heard], [true, []])
    }
  })

  test('does not take a refused logout for one', async t => {
    const server = await scene(t, 'headers')
    const client = server.client()
    const heard = heardBy(client)
    await assert.rejects(client.logout(), refused(401, 'MissingTokenError'))
    assert.deepEqual(heard, [])
  })

  test('is logged out by a logout whose tokens the server does not take any more', async t => {
    const { server, client, heard } = await loggedIn(t, 'cookies')
    for (const type of ['access', 'refresh'])
      for (const name of [`${type}_token_cookie`, `csrf_${type}_token`]) server.jar.drop(name)
    await client.logout()
    assert.deepEqual([client.loggedIn, heard], [false, [['logout', { elsewhere: false }]]])
  })

  test('tells of a reuse, though the same answer clears the cookies by which it knew of the login', async t => {
    const { server, client } = await loggedIn(t, 'cookies')
    const old = server.jar.copy()
    await client.refresh()
    await client.refresh()
    server.clock.advance('1m')
    const late = server.client({ fetch: old.fetch, cookies: old.cookies })
    const heard = heardBy(late)
    await assert.rejects(late.refresh(), refused(401, 'ReusedTokenError'))
    assert.deepEqual(heard, [['logout', { elsewhere: false, reason: 'ReusedTokenError' }]])
    assert.deepEqual([late.loggedIn, old.cookies()], [false, ''])
  })

  test('finds out at the server whether there is a login that it knows nothing of', async t => {
    const server = await scene(t, 'cookies', { cookieCsrfProtect: false })
    await server.client().login(CREDENTIALS)
    const reloaded = server.client()
    assert.equal(reloaded.loggedIn, false)
    await reloaded.refresh()
    assert.equal(reloaded.loggedIn, true)
    const stranger = await scene(t, 'cookies', { cookieCsrfProtect: false })
    const nobody = stranger.client()
    const heard = heardBy(nobody)
    await assert.rejects(nobody.refresh(), refused(401, 'MissingTokenError'))
    assert.deepEqual(heard, [])
  })

  test('keeps a refresh token that is not rotated, for want of a store', async t => {
    const authx = new AuthX({ secretKey: TEST_SECRET })
    const routes: Record<string, (ctx: Koa.Context) => Promise<object>> = {
      '/login': ctx => authx.login(ctx, 'ada'),
      '/refresh': ctx => authx.refresh(ctx),
    }
    const app = new Koa().use(authx.middleware()).use(async ctx => {
      ctx.body = await routes[ctx.path]?.(ctx)
    })
    const server = app.listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = new AuthXClient({ tokens: 'headers', baseUrl: `http://127.0.0.1:${port}` })
    await client.login(CREDENTIALS)
    const first = client.accessToken
    for (let times = 0; times < 2; times++) await client.refresh()
    assert.equal(client.loggedIn, true)
    assert.notEqual(client.accessToken, first)
    server.closeAllConnections()
  })

  test('hears nothing of other clients in Node, who may be somebody else', async t => {
    const { server, client, heard } = await loggedIn(t, 'cookies')
    const jar = new Jar()
    const other = server.client({ fetch: jar.fetch, cookies: jar.cookies })
    await other.login(CREDENTIALS)
    await other.logout()
    assert.deepEqual([heard, client.loggedIn], [[], true])
  })

  test('keeps no process alive, and none whose page is a stand-in', async t => {
    const folder = await projectFor(t)
    writeFileSync(join(folder, 'program.mts'), PROGRAM_THAT_ENDS)
    const program = new Program('./program.mts', folder)
    assert.deepEqual([await program.exitCode(), program.stdout], [0, 'true\n'])
  })

  test('lets a refresh under way end before a logout begins, so that no token comes after it', async t => {
    const { server } = await loggedIn(t, 'dual')
    const order: string[] = []
    const client = server.client({
      fetch: async (input, init) => {
        const route = String(input).split('/').at(-1)
        order.push(`${route} sent`)
        const response = await server.jar.fetch(input, init)
        order.push(`${route} answered`)
        return response
      },
    })
    await Promise.all([client.refresh(), client.logout()])
    assert.deepEqual(order, ['refresh sent', 'refresh answered', 'logout sent', 'logout answered'])
    assert.deepEqual([client.loggedIn, client.accessToken], [false, undefined])
  })

  test('says what is wrong with its options', () => {
    assert.throws(
      () => new AuthXClient({ tokens: 'cookie' as never, baseUrl: 'http://localhost' }),
      /^TypeError: tokens /,
    )
    assert.throws(() => new AuthXClient({ tokens: 'cookies' }), /^TypeError: baseUrl /)
    assert.throws(() => new AuthXClient({ tokens: 'cookies', baseUrl: '/api' }), /^TypeError: baseUrl /)
    assert.throws(() => new AuthXClient({ tokens: 'cookies', baseUrl: 'data:text/plain' }), /^TypeError: baseUrl /)
  })

  test('says so if the server carries tokens in another way', async t => {
    const server = await scene(t, 'cookies')
    const client = server.client({ tokens: 'dual' })
    await assert.rejects(
      client.login(CREDENTIALS),
      /^TypeError: tokens is 'dual', but the response has no access_token/,
    )
  })

  test('takes undefined for an option that is left out', async t => {
    const server = await scene(t, 'headers')
    const client = server.client({ headerName: undefined, paths: { login: undefined } } as never)
    await client.login(CREDENTIALS)
    assert.equal((await client.fetch('/protected')).status, 200)
  })

  test('stops telling a listener that was taken off', async t => {
    const { client } = await loggedIn(t, 'headers')
    let told = 0
    const off = client.on('refresh', () => told++)
    await client.refresh()
    off()
    await client.refresh()
    assert.equal(told, 1)
  })
})
