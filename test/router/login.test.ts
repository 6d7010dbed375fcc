import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { Login } from 'koa-authx/router'
import { koaBody } from 'koa-body'
import { InvalidCredentialsError, StoreUnavailableError } from '../../src/index.js'
import { claimsOf } from '../examples/client.js'
import type { Sent } from '../support/app.js'
import { FORM_TYPE, JSON_TYPE, scene } from './scene.js'

const post = (body: string | Uint8Array, headers: Sent['headers'] = [JSON_TYPE]): Sent => {
  return { method: 'POST', path: '/login', headers, body }
}
const GOOD = '{"username":"test","password":"test"}'

describe('what login returns', () => {
  const returning = (result: unknown) => ({ login: (() => result) as Login })

  test('is the subject of the tokens, which are fresh', async t => {
    const { client } = await scene(t, {}, returning('somebody'))
    const { status, json } = await client(post(GOOD))
    const { sub, fresh } = claimsOf(json.access_token)
    assert.deepEqual([status, sub, fresh], [200, 'somebody', true])
  })

  test('may be a promise', async t => {
    const { client } = await scene(t, {}, returning(Promise.resolve('somebody')))
    assert.equal(claimsOf((await client(post(GOOD))).json.refresh_token).sub, 'somebody')
  })

  test('may hold the options of a token pair', async t => {
    const options = {
      scopes: ['a:b'],
      data: { tenant: 'acme' },
      accessExpiry: '1m',
      fresh: false,
      device: { name: 'x' },
    }
    const { client, authx } = await scene(t, {}, returning({ sub: 'somebody', ...options }))
    const { json } = await client(post(GOOD))
    const { sub, scopes, tenant, fresh, exp, iat } = claimsOf(json.access_token)
    assert.deepEqual([sub, scopes, tenant, fresh, Number(exp) - Number(iat)], ['somebody', ['a:b'], 'acme', false, 60])
    assert.deepEqual((await authx.listSessions('somebody'))[0]?.device, { name: 'x' })
  })

  for (const nobody of [undefined, null, Promise.resolve(undefined)]) {
    test(`lets nobody in if it is ${inspect(nobody)}`, async t => {
      const { client, authx } = await scene(t, {}, returning(nobody))
      const { status, json, headers, cookies } = await client(post(GOOD))
      assert.deepEqual([status, json], [401, { message: json.message, error_type: 'InvalidCredentialsError' }])
      assert.equal(headers['www-authenticate'], 'Bearer realm="authx"')
      assert.deepEqual(cookies, [])
      assert.deepEqual(await authx.listSessions('test'), [])
    })
  }

  const WRONG: readonly unknown[] = [
    false,
    true,
    0,
    1,
    '',
    [],
    ['test'],
    {},
    { sub: '' },
    { sub: 5 },
    { sub: undefined },
    { name: 'test' },
    { sub: 'test', scope: 'a' },
    { sub: 'test', scopes: 'a' },
    { sub: 'test', data: { exp: 1 } },
    Symbol('test'),
    () => 'test',
    new Date(),
    Promise.resolve(false),
    Promise.resolve({ id: 5 }),
  ]
  for (const result of WRONG) {
    test(`is a mistake of the application if it is ${inspect(result)}`, async t => {
      const { client, reported } = await scene(t, {}, returning(result))
      const { status, text } = await client(post(GOOD))
      assert.deepEqual([status, text], [500, 'Internal Server Error'])
      assert.ok(reported[0] instanceof TypeError)
    })
  }
})

describe('what login throws', () => {
  const throwing = (error: unknown) => ({
    login: (() => {
      throw error
    }) as Login,
  })

  test('goes through as it is', async t => {
    const locked = Object.assign(new Error('locked'), { status: 423, expose: true })
    const { client } = await scene(t, {}, throwing(locked))
    const { status, text } = await client(post(GOOD))
    assert.deepEqual([status, text], [423, 'locked'])
  })

  test('is rendered if it is an error of the library', async t => {
    for (const error of [new InvalidCredentialsError(), new StoreUnavailableError()]) {
      const { client } = await scene(t, {}, throwing(error))
      const { status, json } = await client(post(GOOD))
      assert.deepEqual([status, json.error_type], [error.status, error.name])
    }
  })

  test('is a 500 if it is anything else, and is told to the application', async t => {
    const error = new Error('the database is away')
    const { client, reported } = await scene(t, {}, throwing(error))
    assert.equal((await client(post(GOOD))).status, 500)
    assert.deepEqual(reported, [error])
  })
})

describe('login is given', () => {
  /** What it was given for a request. */
  async function given(t: Parameters<typeof scene>[0], sent: Sent, before: Parameters<typeof scene>[3] = []) {
    const seen: unknown[] = []
    const spy: Login = body => {
      seen.push(body)
      return undefined
    }
    const { client } = await scene(t, {}, { login: spy }, before)
    const { status } = await client(sent)
    return seen.length > 0 ? seen[0] : status
  }

  const members = { username: 'test', password: 'p&=é' }

  test('the members of a JSON body', async t => {
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON']) {
      assert.deepEqual(await given(t, post(JSON.stringify(members), [['Content-Type', type]])), members)
    }
  })

  test('the fields of a form', async t => {
    assert.deepEqual(await given(t, post(String(new URLSearchParams(members)), [FORM_TYPE])), members)
  })

  test('up to 64 kB', async t => {
    const long = { username: 'test', password: 'x'.repeat(65_000) }
    assert.deepEqual(await given(t, post(JSON.stringify(long))), long)
    assert.deepEqual(await given(t, post(String(new URLSearchParams(long)), [FORM_TYPE])), long)
  })

  test('a body that was parsed before', async t => {
    assert.deepEqual(await given(t, post(JSON.stringify(members)), [koaBody()]), members)
    const multipart = '--x\r\nContent-Disposition: form-data; name="username"\r\n\r\ntest\r\n--x--\r\n'
    const headers = [['Content-Type', 'multipart/form-data; boundary=x']] as const
    assert.deepEqual(
      { ...Object(await given(t, post(multipart, headers), [koaBody({ multipart: true })])) },
      {
        username: 'test',
      },
    )
  })

  test('a body that was compressed', async t => {
    assert.deepEqual(await given(t, encoded('gzip', gzipSync(JSON.stringify(members)))), members)
  })

  test('no members if there is no body, or one that is no object', async t => {
    assert.deepEqual(await given(t, post('', [])), {})
    assert.deepEqual(await given(t, post('')), {})
    assert.deepEqual(await given(t, post('', [FORM_TYPE])), {})
    assert.deepEqual(await given(t, post('["test","test"]')), {})
  })

  test('nothing if a parser has left the body as text: that is 415', async t => {
    const text = koaBody({ textTypes: ['text/*'] })
    assert.equal(await given(t, post('test', [['Content-Type', 'text/plain']]), [text]), 415)
  })

  test('the request', async t => {
    const asked: Login = (_body, ctx) => `${ctx.method} ${ctx.get('X-Who')}`
    const { client } = await scene(t, {}, { login: asked })
    const { json } = await client(post(GOOD, [JSON_TYPE, ['X-Who', 'me']]))
    assert.equal(claimsOf(json.access_token).sub, 'POST me')
  })
})

describe('a body that cannot be read', () => {
  const SECRET = 'TEST_ONLY_password'
  const BODIES: readonly (readonly [what: string, body: string, status: number, type?: string])[] = [
    ['JSON that breaks off', `{"username":"test","password":"${SECRET}"`, 400],
    ['no JSON', SECRET, 400],
    ['a list of words', `[${SECRET}]`, 400],
    ['a string', `"${SECRET}"`, 400],
    ['a number', '1', 400],
    ['null', 'null', 400],
    ['a prototype', `{"__proto__":{"password":"${SECRET}"}}`, 400],
    ['more than 64 kB of JSON', JSON.stringify({ password: SECRET.repeat(4000) }), 413],
    ['more than 64 kB of a form', `password=${SECRET.repeat(4000)}`, 413, FORM_TYPE[1]],
    ['a body without a type', GOOD, 415, ''],
    ['text', GOOD, 415, 'text/plain'],
    ['a form of several parts', `--x\r\n\r\n${SECRET}\r\n--x--`, 415, 'multipart/form-data; boundary=x'],
    ['XML', `<password>${SECRET}</password>`, 415, 'application/xml'],
    ['something without a name', GOOD, 415, 'nonsense'],
  ]

  for (const [what, body, status, type = 'application/json'] of BODIES) {
    test(`(${what}) is ${status}, is nobody's fault here, and is shown to nobody`, async t => {
      let asked = false
      const spy: Login = () => {
        asked = true
        return undefined
      }
      const { client, reported } = await scene(t, {}, { login: spy })
      const reply = await client(post(body, type === '' ? [] : [['Content-Type', type]]))
      assert.equal(reply.status, status)
      assert.equal(asked, false)
      for (const error of reported) assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), /TEST_ONLY/)
      // Koa's own handler prints what is not to be exposed.
      for (const error of reported) assert.equal((error as { expose?: boolean }).expose, true)
      assert.doesNotMatch(reply.text, /TEST_ONLY/)
    })
  }

  test('of an encoding that is none is 415, and of a broken one 400', async t => {
    const { client, reported } = await scene(t)
    const status = async (encoding: string, body: Uint8Array) => (await client(encoded(encoding, body))).status
    assert.equal(await status('rot13', Buffer.from(GOOD)), 415)
    assert.equal(await status('gzip', Buffer.from(GOOD)), 400)
    assert.equal(await status('gzip', gzipSync(GOOD).subarray(0, -4)), 400)
    assert.equal(await status('gzip', gzipSync(GOOD)), 200)
    for (const error of reported) assert.equal((error as { expose?: boolean }).expose, true)
  })

  test('that is small until it is unpacked is 413', async t => {
    const { client } = await scene(t)
    const bomb = gzipSync(JSON.stringify({ password: 'x'.repeat(10_000_000) }))
    assert.ok(bomb.length < 20_000)
    assert.equal((await client(encoded('gzip', bomb))).status, 413)
  })

  test('is judged before the tokens of refresh and logout, which may be in it', async t => {
    const { client } = await scene(t)
    for (const path of ['/refresh', '/logout', '/revoke']) {
      assert.equal((await client({ method: 'POST', path, headers: [JSON_TYPE], body: '{' })).status, 400, path)
    }
  })
})

function encoded(encoding: string, body: Uint8Array): Sent {
  return post(body, [JSON_TYPE, ['Content-Encoding', encoding]])
}
