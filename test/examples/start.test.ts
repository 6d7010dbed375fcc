import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { freePort } from '../support/free-port.js'
import { startPostgres } from '../support/postgres.js'
import { startRedis } from '../support/redis.js'
import { temporaryFolder } from '../support/temporary.js'
import { Client, claimsOf } from './client.js'
import { type Environment, hasCurl, Program, pathWithStandIn, root, runLines } from './programs.js'

const file = join(root, 'examples/start.ts')

/** `npm start` in `folder`, on a free port; ended with the test. */
async function started(t: TestContext, folder: string, env: Environment = {}) {
  const program = new Program(file, folder, { PORT: '0', ...env })
  t.after(() => program.end())
  await program.until(() => /\ncurl .*\n\n$/.test(program.stdout))
  const [url = ''] = /http:\/\/localhost:\d+/.exec(program.stdout) ?? []
  return { program, client: new Client(url) }
}

/** What it says and with which code, when it cannot start. */
async function refusal(folder: string, env: Environment): Promise<string> {
  // Node 22 says beside it that its SQLite is experimental.
  const NODE_OPTIONS = '--disable-warning=ExperimentalWarning'
  const program = new Program(file, folder, { PORT: '0', NODE_OPTIONS, ...env })
  assert.equal(await program.exitCode(), 1)
  assert.doesNotMatch(program.stdout, /curl/)
  return program.stderr.trim()
}

async function folderFor(t: TestContext): Promise<string> {
  const { folder, remove } = await temporaryFolder()
  t.after(remove)
  return folder
}

/** Sessions that one run has opened, and the next one has to know. */
async function leaveSessions(client: Client) {
  const kept = (await client.login()).body
  const ended = (await client.login()).body
  assert.equal((await client.post('/logout', { token: ended.refresh_token })).status, 204)
  return { kept, ended }
}

async function assertKnown(client: Client, { kept, ended }: Awaited<ReturnType<typeof leaveSessions>>): Promise<void> {
  const refreshed = await client.post('/refresh', { token: kept.refresh_token })
  assert.equal(refreshed.status, 200)
  assert.equal(claimsOf(refreshed.body.access_token).sid, claimsOf(kept.access_token).sid)
  assert.equal((await client.get('/protected', { token: kept.access_token })).status, 200)
  const refused = await client.get('/protected', { token: ended.access_token })
  assert.deepEqual([refused.status, refused.body.error_type], [401, 'RevokedTokenError'])
  assert.equal((await client.post('/refresh', { token: ended.refresh_token })).status, 401)
}

describe('npm start', () => {
  test('runs examples/start.ts', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } }
    assert.equal(scripts.start, 'tsx examples/start.ts')
  })

  test('prints curl lines that log in, call, refresh, log out and are refused', async t => {
    const folder = await folderFor(t)
    const { program } = await started(t, folder)
    const lines = program.stdout.split('\n').filter(line => line.startsWith('curl'))
    const standIn = pathWithStandIn(folder)
    for (const path of (await hasCurl()) ? [undefined, standIn] : [standIn]) {
      const [login = '', called, refreshed = '', loggedOut, refused = ''] = await runLines(lines, folder, path)
      assert.equal(claimsOf(JSON.parse(login).access_token).sub, 'test')
      assert.equal(called, '{"message":"You have access","sub":"test"}\n')
      assert.equal(claimsOf(JSON.parse(refreshed).refresh_token).gen, 1)
      assert.equal(loggedOut, '204\n')
      assert.match(refused, /"error_type":"RevokedTokenError"}\n401\n$/)
    }
  })

  test('names a page to click, and serves it', async t => {
    const { program } = await started(t, await folderFor(t))
    const [, page = ''] = /^Demo: (http:\/\/localhost:\d+\/)$/m.exec(program.stdout) ?? []
    const { status, headers } = await fetch(page)
    assert.deepEqual([status, headers.get('content-type')], [200, 'text/html; charset=utf-8'])
  })

  test('serves a page whose routes keep to what its scripts know, whatever the environment says', async t => {
    const { client } = await started(t, await folderFor(t), {
      JWT_HEADER_NAME: 'X-Token',
      JWT_HEADER_TYPE: 'Token',
      JWT_ACCESS_CSRF_HEADER_NAME: 'X-Access',
      JWT_REFRESH_CSRF_HEADER_NAME: 'X-Refresh',
      JWT_CSRF_METHODS: 'GET',
      JWT_COOKIE_HTTP_ONLY: 'false',
      JWT_ERROR_MESSAGE_KEY: 'detail',
      JWT_TOKEN_LOCATION: 'query',
      JWT_ENCODE_ISSUER: 'somebody',
    })
    const json = { username: 'test', password: 'test' }
    const { body: login } = await client.post('/demo/dual/login', { json })
    const { headers } = await client.post('/demo/cookies/login', { json })
    assert.equal(headers.getSetCookie().filter(line => /HttpOnly/i.test(line)).length, 2)
    const csrf = { 'X-CSRF-TOKEN': client.cookies.get('demo_cookies_access_csrf') ?? '' }
    const answers = [
      await client.get('/demo/dual/protected', { token: login.access_token }),
      await client.get('/demo/cookies/protected'),
      await client.post('/demo/cookies/protected', { headers: csrf }),
      await client.post('/demo/cookies/refresh', { headers: csrf }),
    ]
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    )
    const { status, body } = await client.post('/demo/cookies/protected')
    assert.deepEqual([status, body.error_type, typeof body.message], [403, 'MissingCSRFTokenError', 'string'])
  })

  test('keeps sessions in SQLite over a restart, however it was ended', async t => {
    const folder = await folderFor(t)
    const first = await started(t, folder)
    const sessions = await leaveSessions(first.client)
    assert.equal(await first.program.end('SIGTERM'), 0)
    assert.ok(existsSync(join(folder, '.data/tokens.sqlite')))
    assert.match(first.program.stdout, /Sessions are kept in the SQLite file \.data\/tokens\.sqlite\.$/m)

    const second = await started(t, folder)
    await assertKnown(second.client, sessions)
    const more = await leaveSessions(second.client)
    await second.program.end('SIGKILL')
    await assertKnown((await started(t, folder)).client, more)
  })

  test('makes a secret once, for its user only, and says where it is', async t => {
    const folder = await folderFor(t)
    const { program } = await started(t, folder)
    const secret = join(folder, '.data/jwt-secret-key')
    assert.match(program.stdout, /JWT_SECRET_KEY is not set: created a secret in \.data\/jwt-secret-key\n/)
    assert.equal(statSync(secret).mode & 0o777, 0o600)
    assert.equal(statSync(join(folder, '.data')).mode & 0o777, 0o700)
    assert.ok(!program.stdout.includes(readFileSync(secret, 'utf8')))
    await program.end('SIGINT')
    assert.match(
      (await started(t, folder)).program.stdout,
      /JWT_SECRET_KEY is not set: using .* \.data\/jwt-secret-key\n/,
    )
  })

  test('takes the secret of JWT_SECRET_KEY', async t => {
    const folder = await folderFor(t)
    const env = { JWT_SECRET_KEY: 'a secret that is long enough for HS256' }
    const { program, client } = await started(t, folder, env)
    assert.doesNotMatch(program.stdout, /JWT_SECRET_KEY/)
    assert.equal(existsSync(join(folder, '.data/jwt-secret-key')), false)
    const { body } = await client.login()
    await program.end()
    const other = await started(t, folder, { JWT_SECRET_KEY: 'another secret, as long as the first one' })
    const refused = await other.client.get('/protected', { token: body.access_token })
    assert.deepEqual([refused.status, refused.body.error_type], [401, 'TokenInvalidSignatureError'])
  })

  test('says before it listens that nothing is wrong with its SQLite file', async t => {
    const { program } = await started(t, await folderFor(t))
    assert.match(program.stdout, /^The store: nothing is wrong\.\n[\s\S]*^Listening/m)
  })

  test('keeps sessions in memory if asked to, says so before it listens, and loses them', async t => {
    const folder = await folderFor(t)
    const env = { TOKEN_STORE: 'memory:' }
    const { program, client } = await started(t, folder, env)
    assert.match(program.stdout, /^The store \(memory-restart\): .*\n[\s\S]*^Listening/m)
    const { body } = await client.login()
    assert.equal((await client.get('/protected', { token: body.access_token })).status, 200)
    await program.end()
    const again = await started(t, folder, env)
    assert.equal((await again.client.get('/protected', { token: body.access_token })).status, 401)
    assert.equal(existsSync(join(folder, '.data/tokens.sqlite')), false)
  })

  test('refuses every other store with a line that names those there are, and not what was given', async t => {
    const folder = await folderFor(t)
    for (const setting of ['sqlite:tokens.db', 'wrong', 'redis', 'memory']) {
      const said = await refusal(folder, { TOKEN_STORE: setting })
      assert.match(said, /^TOKEN_STORE must be redis:\/\/.* postgres:\/\/.* memory:.*$/)
    }
    const said = await refusal(folder, { TOKEN_STORE: 'redis://:pass word@127.0.0.1:not-a-port' })
    assert.match(said, /^RedisTokenStore: .*$/)
    assert.doesNotMatch(said, /pass word/)
    const ofPostgres = await refusal(folder, { TOKEN_STORE: 'postgres://:pass word@127.0.0.1:not-a-port/app' })
    assert.match(ofPostgres, /^PostgresTokenStore: .*$/)
    assert.doesNotMatch(ofPostgres, /pass word/)
  })

  test('says in a line that the secret is too short, or that the port is wrong or in use', async t => {
    const folder = await folderFor(t)
    assert.match(
      await refusal(folder, { JWT_SECRET_KEY: 'short' }),
      /^koa-authx is not configured correctly: secretKey .*$/,
    )

    // A connection to Redis does not keep a process going that cannot serve.
    const redis = { TOKEN_STORE: `redis://127.0.0.1:${await freePort()}` }
    assert.match(
      await refusal(folder, { ...redis, JWT_SECRET_KEY: 'short' }),
      /^koa-authx is not configured correctly: /,
    )
    assert.match(await refusal(folder, { ...redis, PORT: 'eight thousand' }), /^.*port.*$/)

    const port = await freePort()
    const occupant = createServer().listen(port, '127.0.0.1')
    t.after(() => occupant.close())
    assert.match(await refusal(folder, { PORT: String(port) }), new RegExp(`^Port ${port} is in use\\. .*$`))
  })
})

// Servers of tests keep nothing over a crash.
for (const [kind, startServer, finding] of [
  ['Redis', startRedis, 'redis-persistence'],
  ['PostgreSQL', startPostgres, 'postgres-fsync'],
] as const) {
  describe(`npm start on ${kind}`, async () => {
    const backend = await startServer()
    const env = { TOKEN_STORE: backend.url }
    after(() => backend.stop())

    test('keeps sessions there over a restart', async t => {
      const folder = await folderFor(t)
      const { program, client } = await started(t, folder, env)
      const sessions = await leaveSessions(client)
      assert.deepEqual((await client.get('/demo/store')).body, { where: `in ${kind}` })
      assert.equal(await program.end('SIGINT'), 0)
      await assertKnown((await started(t, folder, env)).client, sessions)
      assert.equal(existsSync(join(folder, '.data/tokens.sqlite')), false)
    })

    test('says before it listens what is wrong with it', async t => {
      const { program } = await started(t, await folderFor(t), env)
      assert.match(program.stdout, new RegExp(`^The store \\(${finding}\\): .*\\n[\\s\\S]*^Listening`, 'm'))
    })

    test('starts without it, answers 503 and says why, and goes on when it is there', async t => {
      const folder = await folderFor(t)
      await backend.kill()
      const { program, client } = await started(t, folder, env)
      const refused = await client.login()
      assert.deepEqual([refused.status, refused.body.error_type], [503, 'StoreUnavailableError'])
      assert.equal(refused.headers.get('retry-after'), '1')
      await program.until(() => /open: .*ECONNREFUSED/.test(program.stderr))
      assert.match(program.stdout, /^The store could not be checked: .* cannot be reached: .*\n[\s\S]*^Listening/m)
      const json = { username: 'test', password: 'test' }
      for (const mode of ['cookies', 'dual']) {
        assert.equal((await client.post(`/demo/${mode}/login`, { json })).status, 503)
      }
      await program.until(() => program.stderr.match(/^open: /gm)?.length === 3)
      await backend.restart()
      await program.until(async () => (await client.login()).status === 200)
    })
  })
}
