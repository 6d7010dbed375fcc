import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import jsonwebtoken from 'jsonwebtoken'
import type Koa from 'koa'
import jwt from 'koa-jwt'
import { OPTIONS } from '../../src/config/table.js'
import * as library from '../../src/index.js'
import { type AdoptClaims, AuthX, type AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { Program } from '../examples/programs.js'
import { appOf, bearer, type Client, cookie, makeAuthX, type Sent, serve, TEST_SECRET } from '../support/app.js'
import { freePort } from '../support/free-port.js'
import { projectFor } from '../support/markdown.js'
import { forge } from '../support/signing.js'
import { asAccess, blocks, NOW, PAGE_SECRET, page, token, withToken } from './koa-jwt-page.js'

const exported: Readonly<Record<string, unknown>> = library
const [BEFORE = '', STEP_1 = '', STEP_2 = '', STEP_3 = ''] = blocks
  .map(({ code }) => code)
  .filter(code => code.includes('app.listen(8000)'))

/** A token as the program of the page issues it, some seconds ago: in one second, all its tokens are the same. */
const oldToken = (secondsAgo: number) =>
  jsonwebtoken.sign({ id: 7, role: 'admin', iat: NOW - secondsAgo }, PAGE_SECRET, { expiresIn: '30d' })

interface Tokens {
  access_token: string
  refresh_token: string
}

describe('a program of koa-jwt moves to koa-authx as the page says', () => {
  async function scene(t: TestContext) {
    const folder = await projectFor(t)
    /** Starts a program of the page. All have one file of logins. */
    return async (name: string, code: string) => {
      const port = await freePort()
      writeFileSync(join(folder, `${name}.mts`), code.replace('.listen(8000', `.listen(${port}, '127.0.0.1'`))
      const program = new Program(`./${name}.mts`, folder)
      t.after(() => program.end())
      const url = `http://127.0.0.1:${port}`
      await program.until(() => fetch(url))
      const ask = async (method: string, path: string, token = '') => {
        const response = await fetch(url + path, { method, headers: token ? { Authorization: `Bearer ${token}` } : {} })
        const text = await response.text()
        const json = text.startsWith('{') ? JSON.parse(text) : {}
        return { status: response.status, json, text }
      }
      const me = async (token: string) => {
        const { status, json } = await ask('GET', '/me', token)
        return status === 200 ? json : status
      }
      return { ask, me, end: () => program.end() }
    }
  }
  const ADMIN = { id: 7, role: 'admin' }

  test('and every token of before is valid at each step until the last', async t => {
    const start = await scene(t)
    const before = await start('before', BEFORE)
    const token: string = (await before.ask('POST', '/login')).json.token
    const [left, stays, late] = [oldToken(60), oldToken(120), oldToken(180)]
    for (const each of [token, left, stays, late]) assert.deepEqual(await before.me(each), ADMIN)

    // Step 1, beside the program of before.
    const first = await start('step-1', STEP_1)
    for (const each of [token, left, stays, late]) assert.deepEqual(await first.me(each), ADMIN)
    const same: string = (await first.ask('POST', '/login')).json.token
    assert.deepEqual(await before.me(same), ADMIN, 'there is a way back')
    assert.equal((await first.ask('POST', '/logout', left)).status, 204)
    assert.equal(await first.me(left), 401)
    const otherUse = jsonwebtoken.sign({ email: 'ada@example.com' }, PAGE_SECRET, { expiresIn: '1h' })
    assert.equal(await first.me(otherUse), 401, 'a token that is not of a login')

    // Step 2, beside servers of step 1.
    const second = await start('step-2', STEP_2)
    for (const each of [token, same, stays, late]) assert.deepEqual(await second.me(each), ADMIN)
    assert.equal(await second.me(left), 401, 'a logout of step 1 holds')
    const pair: Tokens = (await second.ask('POST', '/login')).json
    for (const { me } of [first, second]) {
      assert.deepEqual(await me(pair.access_token), ADMIN)
      assert.equal(await me(pair.refresh_token), 401)
    }
    assert.deepEqual(await before.me(pair.refresh_token), ADMIN, 'why no server of before may run any more')
    const exchanged: Tokens = (await second.ask('POST', '/exchange', stays)).json
    assert.deepEqual(await second.me(exchanged.access_token), ADMIN)
    assert.equal(await second.me(stays), 401)
    assert.equal((await second.ask('POST', '/exchange', exchanged.access_token)).status, 400)
    const refreshed: Tokens = (await second.ask('POST', '/refresh', exchanged.refresh_token)).json
    assert.deepEqual(await second.me(refreshed.access_token), ADMIN)
    assert.equal((await second.ask('POST', '/logout', pair.access_token)).status, 204)

    // Step 3: the servers of before and of steps 1 and 2 have ended.
    for (const each of [before, first, second]) await each.end()
    const third = await start('step-3', STEP_3)
    assert.deepEqual(await third.me(refreshed.access_token), ADMIN)
    assert.equal((await third.ask('POST', '/refresh', refreshed.refresh_token)).status, 200)
    assert.equal(await third.me(pair.access_token), 401)
    assert.equal(await third.me(late), 401, 'by now, the last of these has expired')
  })

  test('and a step changes only what the page says', () => {
    const linesOf = (code: string) => new Set(code.split('\n').map(line => line.trim()))
    const added = (from: string, to: string) => [...linesOf(to)].filter(line => !linesOf(from).has(line))
    assert.deepEqual(added(STEP_2, STEP_3).sort(), [
      "const authx = new AuthX({ secretKey, store: new SqliteTokenStore('logins.db') })",
      "import { AuthX } from 'koa-authx'",
    ])
    assert.ok(added(STEP_1, STEP_2).every(line => !line.startsWith('router.get') && !line.startsWith('app.')))
  })
})

/** A guarded application that answers with the claims. */
function guarded(t: TestContext, options: AuthXOptions) {
  const authx = makeAuthX({ adoptClaims: asAccess, ...options })
  return serve(
    t,
    appOf(authx.middleware(), authx.accessTokenRequired(), ctx => {
      ctx.body = ctx.state.token
    }),
  )
}

describe('what the page says of an option of koa-jwt', () => {
  const statusOf = async (client: Client, each: string) => (await withToken(client, each)).status

  test('an array of secrets: all verify', async t => {
    const other = `${TEST_SECRET}-of-before`
    const secrets = [TEST_SECRET, other]
    const old = await serve(t, appOf(jwt({ secret: secrets })))
    const client = await guarded(t, { secretKey: TEST_SECRET, previousSecretKey: [other] })
    for (const secret of secrets) {
      const each = jsonwebtoken.sign({ sub: 'ada' }, secret, { expiresIn: '1h' })
      assert.deepEqual([await statusOf(old, each), await statusOf(client, each)], [404, 200])
    }
  })

  test('ctx.state.secret: getKey gets ctx', async t => {
    const authx = new AuthX({
      getKey: (_, __, ctx) => (ctx as never as Koa.Context).state.secret,
      adoptClaims: asAccess,
    })
    const app = appOf(
      (ctx, next) => {
        ctx.state.secret = TEST_SECRET
        return next()
      },
      authx.middleware(),
      authx.accessTokenRequired(),
    )
    assert.equal(await statusOf(await serve(t, app), token()), 404)
  })

  test('algorithms: HS256, HS384 and HS512 with one secret', async t => {
    const client = await guarded(t, { decodeAlgorithms: ['HS256', 'HS384', 'HS512'] })
    for (const algorithm of ['HS256', 'HS384', 'HS512'] as const) {
      const each = jsonwebtoken.sign({ sub: 'ada' }, TEST_SECRET, { expiresIn: '1h', algorithm })
      assert.equal(await statusOf(client, each), 200)
      assert.equal(await statusOf(await guarded(t, {}), each), algorithm === 'HS256' ? 200 : 401)
    }
  })

  test('passthrough: middleware ignores invalid tokens, an optional guard refuses them', async t => {
    const authx = makeAuthX({ adoptClaims: asAccess })
    const answer: Koa.Middleware = ctx => {
      ctx.body = { sub: ctx.state.token?.sub ?? null }
    }
    const open = await serve(t, appOf(authx.middleware(), answer))
    const optional = await serve(t, appOf(authx.middleware(), authx.accessTokenRequired({ optional: true }), answer))
    for (const client of [open, optional]) {
      assert.equal((await withToken(client, token())).json.sub, 'ada')
      assert.deepEqual((await client()).json, { sub: null })
    }
    assert.deepEqual([await statusOf(open, 'a.b.c'), await statusOf(optional, 'a.b.c')], [200, 401])
  })

  test('cookie: cookies of before, also for requests that write, of own pages', async t => {
    const client = await guarded(t, {
      tokenLocation: ['cookies', 'headers'],
      accessCookieName: 'name',
      csrfCheck: 'origin',
    })
    const post = async (site: string) => {
      const headers = [cookie({ name: token() }), ['Sec-Fetch-Site', site] as const]
      return (await client({ method: 'POST', headers })).status
    }
    assert.deepEqual([await post('same-origin'), await post('cross-site')], [200, 403])
    assert.equal(await statusOf(client, token()), 200)
  })

  test('isRevoked: a list of revoked tokens moves to the store, or is asked', async t => {
    const authx = makeAuthX({ adoptClaims: asAccess, store: new MemoryTokenStore() })
    const [one, other, third] = [1, 2, 3].map(n => token({ n })) as [string, string, string]
    await authx.revoke(one)
    authx.setTokenBlocklist(payload => payload.n === 2)
    const client = await serve(t, appOf(authx.middleware(), authx.accessTokenRequired()))
    assert.deepEqual(await Promise.all([one, other, third].map(each => statusOf(client, each))), [401, 401, 404])
  })

  test('issuer: several of before', async t => {
    const issuers = ['https://a.example', 'https://b.example']
    const adoptClaims: AdoptClaims = claims => ({
      ...claims,
      type: 'access',
      iss: issuers.includes(String(claims.iss)) ? issuers[0] : claims.iss,
    })
    const client = await guarded(t, { decodeIssuer: 'https://a.example', adoptClaims })
    const statuses = [...issuers, 'https://c.example'].map(iss => statusOf(client, token({ iss })))
    assert.deepEqual(await Promise.all(statuses), [200, 200, 401])
  })

  test('audience: one or several; none is configured, and a token has one', async t => {
    const client = await guarded(t, { decodeAudience: ['web', 'app'] })
    const statuses = ['web', 'app', 'other'].map(aud => statusOf(client, token({ aud })))
    assert.deepEqual(await Promise.all(statuses), [200, 200, 401])
    assert.equal(await statusOf(await guarded(t, {}), token({ aud: 'web' })), 401)
  })

  test('maxAge and clockTolerance', async t => {
    const maxAge: AdoptClaims = claims => ({ ...claims, type: 'access', exp: Number(claims.iat) + 60 })
    const client = await guarded(t, { adoptClaims: maxAge })
    assert.deepEqual([await statusOf(client, token()), await statusOf(client, token({ iat: NOW - 90 }))], [200, 401])
    const lenient = await guarded(t, { decodeLeeway: 60 })
    const ended = forge({ sub: 'ada', iat: NOW - 90, exp: NOW - 5 })
    assert.deepEqual([await statusOf(lenient, ended), await statusOf(await guarded(t, {}), ended)], [200, 401])
  })
})

/** The rows of the table under a heading: cells without the header. */
function rowsUnder(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  const lines = section.split('\n').filter(line => line.startsWith('|'))
  return lines.slice(2).map(line =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map(cell => cell.trim()),
  )
}

const codesIn = (text = '') => [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

describe('the tables', () => {
  test('have a row for every option of koa-jwt', () => {
    const types = readFileSync('node_modules/koa-jwt/types/index.d.ts', 'utf8')
    const [, body = ''] = /interface Options \{(.*?)\n {4}\}/s.exec(types) ?? []
    const options = [...body.matchAll(/^ +(\w+)\??[(:]/gm)].map(([, name = '']) => name)
    assert.ok(options.length >= 11)
    const told = rowsUnder('Options')
      .map(([first]) => first)
      .join(' ')
    for (const option of [...options, 'unless', 'ctx.state.user', 'koaJwtSecret'])
      assert.match(told, new RegExp(`\\b${option}\\b`))
  })

  test('name counterparts that are there', () => {
    const authx = makeAuthX()
    const named = rowsUnder('Options').flatMap(([, here]) => codesIn(here))
    assert.ok(named.length > 20)
    for (const code of named) {
      const [, method, option] = /^(?:authx\.(\w+)|(\w+))\b/.exec(code) ?? []
      const isThere = method
        ? method in authx
        : option === 'ctx' || Object.hasOwn(OPTIONS, String(option)) || option === 'error'
      assert.ok(isThere, code)
    }
  })

  test('give the answers of both', async t => {
    const failing = () => Promise.reject(new Error('no connection'))
    const theirs = (options: object = {}) => appOf(jwt({ secret: TEST_SECRET, ...options }))
    const ours = (options: AuthXOptions = {}) => {
      const authx = makeAuthX({ adoptClaims: asAccess, ...options })
      return appOf(authx.middleware(), authx.accessTokenRequired())
    }
    const expired = { headers: [bearer(forge({ sub: 'ada', iat: NOW - 90, exp: NOW - 5 }))] }
    const withCookie = { method: 'POST', headers: [cookie({ name: token() })] }
    const CASES: [row: string, sent: Sent, theirs: Koa, ours: Koa][] = [
      ['no token', {}, theirs(), ours()],
      ['a header of another form', { headers: [['Authorization', 'Bearer a b']] }, theirs(), ours()],
      ['expired, forged, revoked', expired, theirs(), ours()],
      [
        'a cookie without proof',
        withCookie,
        theirs({ cookie: 'name' }),
        ours({ tokenLocation: ['cookies'], accessCookieName: 'name' }),
      ],
      [
        'the store, `getKey` or the blocklist',
        { headers: [bearer(token())] },
        theirs({ isRevoked: failing }),
        ours({ getKey: failing }),
      ],
    ]
    const rows = rowsUnder('Answers')
    assert.equal(rows.length, CASES.length)
    for (const [what, sent, before, after] of CASES) {
      const [, old = '', now = ''] = rows.find(([first]) => first?.startsWith(what)) ?? []
      const [was, is] = [await (await serve(t, before))(sent), await (await serve(t, after))(sent)]
      assert.equal(was.status, old === 'no check' ? 404 : Number(old.slice(0, 3)), what)
      const text = codesIn(old)[0]?.replace('...', '') ?? ''
      assert.ok(was.text.startsWith(text) || old === 'no check', was.text)
      assert.equal(is.status, Number(now.slice(0, 3)), what)
      const classes = codesIn(now).map(name => exported[name] as typeof Error)
      const thrown = exported[String(is.json.error_type)] as typeof Error
      assert.ok(
        classes.some(each => thrown === each || thrown.prototype instanceof each),
        String(is.json.error_type),
      )
    }
  })

  test('say why for all that koa-authx cannot do, and it cannot', async () => {
    const rows = rowsUnder('What koa-jwt can do that koa-authx cannot')
    assert.equal(rows.length, 3)
    for (const cells of rows) for (const cell of cells) assert.match(cell, /\w{3}/)
    assert.throws(() => new AuthX({ secretKey: 'short secret' }), library.BadConfigurationError)
    const authx = makeAuthX({ adoptClaims: asAccess })
    await assert.rejects(authx.verifyToken(jsonwebtoken.sign({ sub: 'ada' }, TEST_SECRET)), library.JWTDecodeError)
    const longer = makeAuthX({ adoptClaims: claims => ({ ...claims, type: 'access', exp: NOW + 60 }) })
    const expired = forge({ sub: 'ada', iat: NOW - 90, exp: NOW - 5 })
    await assert.rejects(longer.verifyToken(expired), library.TokenExpiredError)
    assert.equal((await longer.verifyToken(jsonwebtoken.sign({ sub: 'ada' }, TEST_SECRET))).exp, NOW + 60)
  })
})
