import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type MemoryRecord, MemoryTokenStore } from '../../stores/memory.js'
import { TEST_SECRET } from '../support/app.js'
import { flowApi } from './api.js'

const PROGRAM = fileURLToPath(new URL('../support/talkative.ts', import.meta.url))

for (const [watched, ...args] of [
  ['with somebody on every channel'],
  ['with nobody on the channels', 'debug-only'],
] as const) {
  describe(`what the library lets out, ${watched}`, () => {
    let [stdout, stderr, code] = ['', '', -1]
    let secrets: readonly string[] = []

    before(async () => {
      const child = fork(PROGRAM, args, {
        execArgv: ['--import', 'tsx', '--no-warnings'],
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        env: { ...process.env, NODE_DEBUG: 'koa-authx' },
      })
      child.stdout?.on('data', chunk => {
        stdout += chunk
      })
      child.stderr?.on('data', chunk => {
        stderr += chunk
      })
      child.on('message', message => {
        secrets = message as string[]
      })
      code = (await once(child, 'close'))[0]
    })

    test('holds no token, no part of one, no CSRF value, no key and no password', () => {
      assert.equal(code, 0, stderr.slice(-2000))
      assert.ok(secrets.length > 50, `${secrets.length} secrets were there to be found`)
      for (const [name, output] of [
        ['events, traces, errors and instances', stdout],
        ['NODE_DEBUG', stderr],
      ] as const) {
        for (const secret of secrets) assert.ok(!output.includes(secret), `${name} show ${around(output, secret)}`)
      }
    })

    test('says what happened, so that there is something to look through', () => {
      for (const word of [
        'issued',
        'refreshed',
        'reuse',
        'revoked',
        'storeError',
        'refused',
        'replayed',
        'StoreUnavailableError',
      ]) {
        assert.ok(stdout.includes(word), word)
        assert.ok(stderr.includes(word), word)
      }
      assert.match(stdout, /AbortSignal \{ aborted: true \}/)
      assert.match(stderr, /KOA-AUTHX \d+: verify type="access" .*RevokedTokenError/)
      assert.match(stderr, /RevokedTokenError \(the token or its session has been ended/)
      assert.match(stderr, /KOA-AUTHX \d+: store operation="check"/)
      assert.match(stderr, /KOA-AUTHX \d+: refresh sid=.* ReusedTokenError/)
      assert.match(stderr, /KOA-AUTHX \d+: event issued sid=/)
      assert.match(stderr, /KOA-AUTHX \d+: event refused reason="ERR_TOKEN_REVOKED" sub="ada" sid=/)
    })
  })
}

test('what is stored holds no token, no part of one and no key', async t => {
  const map = new Map<string, MemoryRecord>()
  const store = new MemoryTokenStore({ map })
  t.after(() => store.close())
  const api = await flowApi(t, { store, sessionTracking: true })
  const stored: string[] = []
  const look = () => stored.push(JSON.stringify([...map]))
  const login = await api.login()
  look()
  const next = await api.refresh(login.json.refresh_token)
  look()
  await api.logout(next.json.access_token)
  await api.authx.revokeAllSessions('ada')
  look()
  const tokens = [login, next].flatMap(({ json }) => [json.access_token, json.refresh_token])
  const secrets = [TEST_SECRET, ...tokens.flatMap(token => String(token).split('.').slice(1))]
  assert.equal(secrets.length, 9)
  for (const content of stored) for (const secret of secrets) assert.ok(!content.includes(secret))
})

function around(text: string, secret: string): string {
  const at = text.indexOf(secret)
  return text.slice(Math.max(0, at - 300), at + 60)
}
