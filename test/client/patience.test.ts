import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXOptions } from '../../src/index.js'
import { platform } from './platform.js'
import { CREDENTIALS, heardBy, MODES, scene } from './scene.js'

/**
 * A client that has logged in. While the server holds an answer back, the shortest wait of the client ends, and the
 * server's clock shows that it took its time: no speed of a machine matters.
 */
async function patient(t: TestContext, tokens: (typeof MODES)[number], options: AuthXOptions = {}) {
  const server = await scene(t, tokens, options)
  const waits = new Map<object, [milliseconds: number, end: () => void]>()
  const { AuthXClient } = await platform([], {
    setTimeout(end: () => void, milliseconds: number) {
      const timer = {}
      waits.set(timer, [milliseconds, end])
      return timer
    },
    clearTimeout: (timer: object) => void waits.delete(timer),
  })
  const endShortest = () => {
    const [timer, [milliseconds, end]] = [...waits].sort(([, [a]], [, [b]]) => a - b)[0] ?? assert.fail('no wait')
    waits.delete(timer)
    server.clock.advance(milliseconds / 1000)
    end()
  }
  const { origin, jar } = server
  const client = new AuthXClient({ tokens, baseUrl: origin, fetch: jar.fetch, cookies: jar.cookies })
  t.after(() => client.close())
  await client.login(CREDENTIALS)
  const hold = (isHeld: (line: string) => boolean) => {
    server.fate = line => {
      if (!isHeld(line)) return undefined
      setImmediate(endShortest)
      return 'held'
    }
  }
  return { server, client, hold }
}

for (const tokens of MODES) {
  describe(`a client with tokens: '${tokens}', whose server does not answer`, () => {
    test('asks for a refresh again while a grace period of five seconds lasts, and stays logged in', async t => {
      const { server, client, hold } = await patient(t, tokens, { refreshGracePeriod: 5, refreshRecovery: 0 })
      const heard = heardBy(client)
      let held = 0
      hold(line => line === 'POST /refresh' && held++ === 0)
      await client.refresh()
      assert.equal(server.count('POST /refresh'), 2)
      await client.refresh()
      assert.deepEqual(
        heard.map(([type]) => type),
        ['refresh', 'refresh'],
      )
    })

    test('gives up in the end, and lets the next have its turn', async t => {
      const { client, hold } = await patient(t, tokens)
      hold(() => true)
      const calls = [client.login(CREDENTIALS), client.refresh(), client.logout()]
      for (const call of calls) await assert.rejects(call, { name: 'TimeoutError' })
      assert.equal(client.loggedIn, true)
    })
  })
}
