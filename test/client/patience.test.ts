import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { CREDENTIALS, loggedIn, MODES, type Scene } from './scene.js'

/**
 * The client's patience ends soon after the server has held an answer back, and not because this machine is slow; to
 * the server's clock it takes as long as it says.
 */
function hurry(t: TestContext, server: Scene): void {
  let { fate } = server
  let held = 0
  Object.defineProperty(server, 'fate', {
    get: () => (line: string) => {
      const decided = fate(line)
      if (decided === 'held') held++
      return decided
    },
    set: given => {
      fate = given
    },
  })
  t.mock.method(AbortSignal, 'timeout', (milliseconds: number) => {
    const controller = new AbortController()
    const timer = setInterval(() => {
      if (held === 0) return
      held--
      clearInterval(timer)
      server.clock.advance(milliseconds / 1000)
      controller.abort(new DOMException('the time is over', 'TimeoutError'))
    }, 50)
    t.after(() => clearInterval(timer))
    return controller.signal
  })
}

for (const tokens of MODES) {
  describe(`a client with tokens: '${tokens}', whose server does not answer`, () => {
    test('asks for a refresh again while a grace period of five seconds lasts, and stays logged in', async t => {
      const { server, client, heard } = await loggedIn(t, tokens, { refreshGracePeriod: 5 })
      hurry(t, server)
      let held = 0
      server.fate = line => (line === 'POST /refresh' && held++ === 0 ? 'held' : undefined)
      await client.refresh()
      assert.equal(server.count('POST /refresh'), 2)
      await client.refresh()
      assert.deepEqual(
        heard.map(([type]) => type),
        ['refresh', 'refresh'],
      )
    })

    test('gives up in the end, and lets the next have its turn', async t => {
      const { server, client } = await loggedIn(t, tokens)
      hurry(t, server)
      server.fate = line => (line === 'GET /protected' ? undefined : 'held')
      const calls = [client.login(CREDENTIALS), client.refresh(), client.logout()]
      for (const call of calls) await assert.rejects(call, { name: 'TimeoutError' })
      assert.equal(client.loggedIn, true)
    })
  })
}
