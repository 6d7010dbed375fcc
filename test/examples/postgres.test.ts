import assert from 'node:assert/strict'
import crypto, { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { after, beforeEach, describe, mock, type TestContext, test } from 'node:test'
import { audit } from 'koa-authx'
import pg from 'pg'
import { hashPassword, isPassword } from '../../examples/postgres/passwords.js'
import { Users } from '../../examples/postgres/users.js'
import { startPostgres } from '../support/postgres.js'
import { until } from '../support/until.js'
import { type Answer, Client, claimsOf } from './client.js'
import { Program, root } from './programs.js'

const database = await startPostgres()
process.env.PORT = '0'
process.env.DATABASE_URL = database.url
process.env.JWT_SECRET_KEY = randomBytes(32).toString('hex')
const { app, server } = await import('../../examples/postgres.js')
const client = await Client.of(server)

const ADA = { username: 'ada', password: 'correct horse', displayName: 'Ada' }
const CREDENTIALS = [401, 'InvalidCredentialsError']
const REVOKED = [401, 'RevokedTokenError']
const GONE = [401, 'SubjectNotFoundError']

const register = (more: object = {}) => client.post('/users', { json: { ...ADA, ...more } })
const login = (more: object = {}) => client.post('/login', { json: { ...ADA, ...more } })
const refusal = ({ status, body }: Answer) => [status, body.error_type]
const me = async ({ body }: Answer) => refusal(await client.get('/me', { token: body.access_token }))
const refresh = async ({ body }: Answer) => refusal(await client.post('/refresh', { token: body.refresh_token }))
const changePassword = ({ body }: Answer, json: object) => client.put('/password', { token: body.access_token, json })
const count = async (table: string) => Number((await database.query(`SELECT count(*) FROM ${table}`))[0]?.count)

async function registered(more?: object): Promise<Answer> {
  const answer = await register(more)
  assert.equal(answer.status, 201, String(answer.body.message))
  return answer
}

/** Calls of scrypt go through `called`, which may hold them up. */
function watchScrypt(t: TestContext, called: (n: number, hashes: () => void) => void): unknown[][] {
  const calls: unknown[][] = []
  const real = crypto.scrypt
  mock.method(crypto, 'scrypt', (...args: Parameters<typeof real>) => {
    calls.push(args)
    called(calls.length, () => real(...args))
  })
  syncBuiltinESMExports()
  t.after(() => {
    mock.restoreAll()
    syncBuiltinESMExports()
  })
  return calls
}

beforeEach(() => database.query('TRUNCATE users CASCADE'))

after(async () => {
  server.close()
  await once(server, 'close')
  await database.stop()
})

describe('examples/postgres.ts', () => {
  test('leaves no route open but registration, login, refresh and logout', () => {
    const { unprotected, unsafe } = audit(app)
    assert.deepEqual(
      [unprotected.sort(), unsafe],
      [['POST /login', 'POST /logout', 'POST /refresh', 'POST /users'], []],
    )
  })

  test('registers, serves, refreshes, logs out and logs in again', async () => {
    const first = await registered()
    const shown = await client.get('/me', { token: first.body.access_token })
    assert.deepEqual([shown.status, shown.body], [200, { username: 'ada', displayName: 'Ada' }])
    assert.deepEqual(await refresh(first), [200, undefined])
    assert.equal((await client.post('/logout', { token: first.body.access_token })).status, 204)
    assert.deepEqual([await me(first), await refresh(first)], [REVOKED, REVOKED])
    const again = await login()
    assert.deepEqual([again.status, await me(again)], [200, [200, undefined]])
  })

  test('stops with a message if it does not know its database', async () => {
    const program = new Program('examples/postgres.ts', root, { DATABASE_URL: '', PORT: '0' })
    assert.equal(await program.exitCode(), 1)
    assert.match(program.stderr, /DATABASE_URL is missing/)
  })

  test('creates its tables once, however many processes start at the same time', async t => {
    await database.query('DROP TABLE profiles, users')
    const pools = Array.from({ length: 8 }, () => new pg.Pool({ connectionString: database.url }))
    t.after(() => Promise.all(pools.map(pool => pool.end())))
    await Promise.all(pools.map(pool => new Users(pool).createTables()))
    await registered()
  })
})

describe('registration', () => {
  test('refuses what is no username, password or name with 400, and writes nothing', async () => {
    const wrong: object[] = [
      ...[undefined, '', 'ad', 'a'.repeat(31), 'a da', 'ad\u0000a', 'ädä', '\u212aim', ['ada'], { a: 1 }, 123].map(
        username => ({ username }),
      ),
      ...[undefined, '', 'short', 'a'.repeat(201), ['correct horse'], 12345678].map(password => ({ password })),
      ...[undefined, '', 'a'.repeat(101), 'A\u0000', 'A\n', '\ud800', ['Ada'], 5].map(displayName => ({ displayName })),
    ]
    for (const more of wrong) {
      const { status, body } = await register(more)
      assert.deepEqual([status, typeof body.message], [400, 'string'], JSON.stringify(more))
    }
    for (const json of [[], null, undefined]) assert.equal((await client.post('/users', { json })).status, 400)
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    assert.equal((await client.post('/users', { json: ADA, headers: form })).status, 400)
    assert.equal(await count('users'), 0)
  })

  test('keeps SQL in a name as text', async () => {
    const displayName = `'; DROP TABLE users; -- $1 \\ "`
    const { body } = await registered({ displayName })
    assert.deepEqual((await client.get('/me', { token: body.access_token })).body, { username: 'ada', displayName })
  })

  test('of one name that is sent many times at once succeeds once, whatever its case', async () => {
    const answers = await Promise.all(
      ['ada', 'Ada', 'ADA', 'aDa', 'adA', 'ada'].map(username => register({ username })),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409, 409, 409])
    assert.deepEqual([await count('users'), await count('profiles')], [1, 1])
    assert.equal((await login({ username: 'ADA' })).status, 200)
  })

  /** Adds a rule to the table of profiles that `rejected` breaks. */
  const RULES: Readonly<Record<string, readonly [add: string, remove: string]>> = {
    'the second row is refused': [
      "ALTER TABLE profiles ADD CONSTRAINT rule CHECK (display_name <> 'rejected')",
      'ALTER TABLE profiles DROP CONSTRAINT rule',
    ],
    'the transaction is refused when it is committed': [
      `CREATE FUNCTION rule() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'rejected'; END $$;
      CREATE CONSTRAINT TRIGGER rule AFTER INSERT ON profiles DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
      WHEN (NEW.display_name = 'rejected') EXECUTE FUNCTION rule()`,
      'DROP FUNCTION rule CASCADE',
    ],
  }
  for (const [what, [add, remove]] of Object.entries(RULES)) {
    test(`writes neither a user nor a session if ${what}`, async t => {
      const log = mock.method(console, 'error', () => {})
      t.after(() => log.mock.restore())
      await registered({ username: 'grace' })
      await database.query(add)
      t.after(() => database.query(remove))
      const before = await count('koa_authx')
      assert.equal((await register({ displayName: 'rejected' })).status, 500)
      assert.deepEqual([await count('users'), await count('profiles'), await count('koa_authx')], [1, 1, before])
      assert.deepEqual(refusal(await login()), CREDENTIALS)
      await registered()
    })
  }

  test('keeps the user if only the login after it fails', async t => {
    const log = mock.method(console, 'error', () => {})
    t.after(() => log.mock.restore())
    await registered({ username: 'grace' })
    const locker = new pg.Client({ connectionString: database.url })
    await locker.connect()
    await locker.query('BEGIN; LOCK TABLE koa_authx')
    assert.deepEqual(refusal(await register()), [503, 'StoreUnavailableError'])
    await locker.end()
    assert.equal((await register()).status, 409)
    assert.equal((await login()).status, 200)
  })
})

describe('login', () => {
  test('answers a wrong password and an unknown user in the same way, whatever was sent', async () => {
    await registered()
    const sent: object[] = [
      { password: 'wrong horse' },
      { password: '' },
      { password: ['correct horse'] },
      { password: undefined },
      { username: 'grace' },
      { username: 'ad\u0000a' },
      { username: "' OR true --" },
      { username: ['ada'] },
      { username: undefined },
    ]
    const seen = []
    for (const more of sent) {
      const { status, body, headers } = await login(more)
      seen.push(JSON.stringify([status, body, [...headers].filter(([name]) => name !== 'date')]))
    }
    assert.equal(new Set(seen).size, 1, seen.join('\n'))
    assert.deepEqual(refusal(await login({ password: 'wrong horse' })), CREDENTIALS)
    for (const json of [[], undefined]) {
      assert.deepEqual(refusal(await client.post('/login', { json })), CREDENTIALS)
    }
  })

  test('hashes once, at the same cost, for a wrong password and for an unknown user', async t => {
    await registered()
    const calls = watchScrypt(t, (_, hashes) => hashes())
    const passwords = ['wrong horse', 'wrong house', 'wrong hours']
    await login({ password: passwords[0] })
    await login({ password: passwords[1], username: 'grace' })
    await login({ password: passwords[2], username: 'no name' })
    assert.deepEqual(
      calls.map(([password]) => password),
      passwords,
    )
    const [known, ...unknown] = calls.map(([, salt, length, cost]) => [(salt as Buffer).length, length, cost])
    assert.deepEqual(unknown, [known, known])
  })

  test('with a password that is changed while it is checked gets no session', async t => {
    const laptop = await registered()
    const held: (() => void)[] = []
    watchScrypt(t, (n, hashes) => (n === 1 ? held.push(hashes) : hashes()))
    const late = login()
    await until(() => held.length === 1)
    const change = { currentPassword: ADA.password, password: 'battery staple' }
    assert.equal((await changePassword(laptop, change)).status, 204)
    held[0]?.()
    assert.deepEqual(refusal(await late), CREDENTIALS)
    assert.deepEqual(await me(laptop), [200, undefined])
    const { sub, sid } = claimsOf(laptop.body.access_token)
    const sql = `SELECT key FROM koa_authx WHERE convert_from(value, 'UTF8') LIKE '{"sub":"${sub}"%'`
    assert.deepEqual(await database.query(sql), [{ key: `authx:session:${sid}` }])
  })

  test('with an account that is deleted while the password is checked gets no session', async t => {
    const laptop = await registered()
    const held: (() => void)[] = []
    watchScrypt(t, (_, hashes) => held.push(hashes))
    const late = login()
    await until(() => held.length === 1)
    assert.equal((await client.delete('/me', { token: laptop.body.access_token })).status, 204)
    held[0]?.()
    assert.deepEqual(refusal(await late), GONE)
  })
})

describe('a new password', () => {
  test('ends all other sessions at once, and not this one', async () => {
    const [laptop, phone] = [await registered(), await login()]
    const change = { currentPassword: ADA.password, password: 'battery staple' }
    assert.equal((await changePassword(laptop, change)).status, 204)
    assert.deepEqual([await me(laptop), await me(phone)], [[200, undefined], REVOKED])
    assert.deepEqual([await refresh(laptop), await refresh(phone)], [[200, undefined], REVOKED])
    assert.deepEqual(refusal(await login()), CREDENTIALS)
    assert.equal((await login({ password: 'battery staple' })).status, 200)
  })

  test('is refused without the current one, or if it is not acceptable, and nothing changes', async () => {
    const [laptop, phone] = [await registered(), await login()]
    for (const currentPassword of ['wrong horse', '', undefined, ['correct horse']]) {
      const { status } = await changePassword(laptop, { currentPassword, password: 'battery staple' })
      assert.equal(status, 403)
    }
    for (const password of ['short', 'a'.repeat(201), undefined, ['battery staple']]) {
      assert.equal((await changePassword(laptop, { currentPassword: ADA.password, password })).status, 400)
    }
    assert.equal((await client.put('/password', { json: {} })).status, 401)
    assert.deepEqual([await me(phone), (await login()).status], [[200, undefined], 200])
  })

  test('that two requests set at once is the one of the request that succeeded', async () => {
    const laptop = await registered()
    const passwords = ['battery staple', 'staple battery']
    const answers = await Promise.all(
      passwords.map(password => changePassword(laptop, { currentPassword: ADA.password, password })),
    )
    assert.equal(answers.filter(({ status }) => status === 204).length, 1)
    for (const [n, password] of passwords.entries()) {
      assert.equal((await login({ password })).status, answers[n]?.status === 204 ? 200 : 401)
    }
  })
})

describe('an account that is deleted', () => {
  test('takes its profile and all its sessions with it, and a new user of the same name gets none of them', async () => {
    const [laptop, phone] = [await registered(), await login()]
    assert.equal((await client.delete('/me', { token: laptop.body.access_token })).status, 204)
    assert.deepEqual([await count('users'), await count('profiles')], [0, 0])
    assert.deepEqual(refusal(await login()), CREDENTIALS)
    const other = await registered({ displayName: 'Another Ada' })
    for (const each of [laptop, phone]) assert.deepEqual([await me(each), await refresh(each)], [REVOKED, REVOKED])
    assert.deepEqual(await me(other), [200, undefined])
  })

  test('by another program is refused at the next request that reads it, and at the next refresh for good', async () => {
    const laptop = await registered()
    await database.query('DELETE FROM users')
    assert.deepEqual(await me(laptop), GONE)
    assert.deepEqual(await refresh(laptop), GONE)
    assert.deepEqual(await me(laptop), REVOKED)
  })

  test('needs a login for that, not a refreshed token', async () => {
    const laptop = await registered()
    const { body } = await client.post('/refresh', { token: laptop.body.refresh_token })
    const refused = await client.delete('/me', { token: body.access_token })
    assert.deepEqual(refusal(refused), [401, 'FreshTokenRequiredError'])
    assert.equal(await count('users'), 1)
  })
})

describe('the hash of a password', () => {
  test('is with a salt of its own, and shows its cost', async () => {
    const hashes = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')])
    assert.notEqual(hashes[0], hashes[1])
    for (const hash of hashes) {
      assert.match(hash, /^scrypt\$32768\$8\$3\$[\w+/]{22}==\$[\w+/]{43}=$/)
      assert.equal(await isPassword('correct horse', hash), true)
      assert.equal(await isPassword('correct hors', hash), false)
    }
  })

  test('is compared at the cost at which it was made', async () => {
    const salt = randomBytes(16)
    const hash = crypto.scryptSync('correct horse', salt, 32, { N: 1024, r: 4, p: 2 })
    const stored = ['scrypt', 1024, 4, 2, salt.toString('base64'), hash.toString('base64')].join('$')
    assert.equal(await isPassword('correct horse', stored), true)
    assert.equal(await isPassword('wrong horse', stored), false)
  })

  test('is that of the same characters, however they were typed', async () => {
    assert.equal(await isPassword('cafe\u0301 au lait', await hashPassword('caf\u00e9 au lait')), true)
  })

  test('that is damaged is equal to nothing', async () => {
    const whole = await hashPassword('correct horse')
    const damaged = ['', 'scrypt', whole.slice(0, -44), whole.slice(0, -1), `md5${whole}`, whole.replace('32768', '3')]
    for (const hash of damaged) {
      // One whose last `=` is missing has all its bytes.
      if (hash === whole.slice(0, -1)) assert.equal(await isPassword('correct horse', hash), true)
      else for (const password of ['', 'correct horse']) await assert.rejects(isPassword(password, hash), hash)
    }
  })
})
