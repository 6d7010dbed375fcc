import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

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
        'replayed',
        'StoreUnavailableError',
      ]) {
        assert.ok(stdout.includes(word), word)
        assert.ok(stderr.includes(word), word)
      }
      assert.match(stderr, /KOA-AUTHX \d+: verify type="access" .*RevokedTokenError/)
      assert.match(stderr, /KOA-AUTHX \d+: store operation="check"/)
      assert.match(stderr, /KOA-AUTHX \d+: refresh sid=.* ReusedTokenError/)
      assert.match(stderr, /KOA-AUTHX \d+: event issued sid=/)
    })
  })
}

function around(text: string, secret: string): string {
  const at = text.indexOf(secret)
  return text.slice(Math.max(0, at - 300), at + 60)
}
