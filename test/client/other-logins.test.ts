import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AuthXClientError } from 'koa-authx/client'
import { CREDENTIALS, heardBy, loggedIn, MODES, OTHERS, type Scene } from './scene.js'

/** A login by a form of the page, say, in place of `client.login`: no client hears of it. */
async function logInByForm({ jar, origin }: Scene): Promise<void> {
  const headers = { 'Content-Type': 'application/json' }
  const { ok } = await jar.fetch(`${origin}/login`, { method: 'POST', headers, body: JSON.stringify(OTHERS) })
  assert.ok(ok)
}

/** A second client with the cookies of the first, logged in as the first; `meanwhile` runs after an answer of `path`. */
async function interrupted(server: Scene, path: string, meanwhile: () => Promise<void>) {
  let done = false
  const client = server.client({
    fetch: async (input, init) => {
      const response = await server.jar.fetch(input, init)
      if (done || !String(input).endsWith(path)) return response
      done = true
      await meanwhile()
      return response
    },
  })
  await client.login(CREDENTIALS)
  return client
}

const subOf = async (response: Response) => ((await response.json()) as { sub?: string }).sub

for (const tokens of ['cookies', 'dual'] as const) {
  test(`a login with tokens: '${tokens}' ends the login before it at the server too`, async t => {
    const { server, client } = await loggedIn(t, tokens)
    assert.equal((await server.authx.listSessions('ada')).length, 1)
    await client.login(OTHERS)
    assert.deepEqual(await server.authx.listSessions('ada'), [])
    assert.equal((await server.authx.listSessions('grace')).length, 1)
  })

  describe(`a client with tokens: '${tokens}', when somebody else logs in by a form`, () => {
    for (const path of ['/protected', '/refresh']) {
      test(`after the answer of ${path}, does not send a request again as that of somebody else`, async t => {
        const { server } = await loggedIn(t, tokens)
        const client = await interrupted(server, path, () => logInByForm(server))
        server.clock.advance('16m')
        const response = await client.fetch('/protected', { method: 'POST' })
        assert.equal(response.status, 401)
        const refreshes = path === '/refresh' ? 1 : 0
        assert.deepEqual([server.count('POST /protected'), server.count('POST /refresh')], [1, refreshes])
      })
    }

    test('does not send what the user before has typed, and sends what comes then', async t => {
      const { server, client } = await loggedIn(t, tokens)
      await logInByForm(server)
      await assert.rejects(client.fetch('/protected', { method: 'POST' }), { name: 'AbortError' })
      assert.equal(server.count('POST /protected'), 0)
      assert.equal(await subOf(await client.fetch('/protected', { method: 'POST' })), 'grace')
      await logInByForm(server)
      await assert.rejects(client.headersFor('post', '/protected'), { name: 'AbortError' })
      assert.notDeepEqual(await client.headersFor('post', '/protected'), {})
      await logInByForm(server)
      assert.equal(await subOf(await client.fetch('/protected')), 'grace')
    })

    test('goes on as that person from the next request on', async t => {
      const { server, client } = await loggedIn(t, tokens)
      await logInByForm(server)
      assert.equal(client.accessToken, undefined)
      assert.equal(await subOf(await client.fetch('/protected', { method: 'POST' })), 'grace')
      server.clock.advance('16m')
      assert.equal(await subOf(await client.fetch('/protected', { method: 'POST' })), 'grace')
    })

    test('takes no refusal of the login before for the end of the new one', async t => {
      const { server } = await loggedIn(t, tokens)
      const client = await interrupted(server, '/refresh', () => logInByForm(server))
      const heard = heardBy(client)
      await server.authx.revokeAllSessions('ada')
      await assert.rejects(client.refresh(), AuthXClientError)
      assert.deepEqual([client.loggedIn, heard], [true, [['login', { elsewhere: true }]]])
      assert.equal(await subOf(await client.fetch('/protected', { method: 'POST' })), 'grace')
    })

    test('takes no logout of the login before for the end of the new one, be it done or refused', async t => {
      for (const end of [() => {}, (server: Scene) => server.authx.revokeAllSessions('ada')]) {
        const { server } = await loggedIn(t, tokens)
        const client = await interrupted(server, '/logout', () => logInByForm(server))
        const heard = heardBy(client)
        await end(server)
        await client.logout()
        assert.deepEqual([client.loggedIn, heard], [true, [['login', { elsewhere: true }]]])
        assert.equal(await subOf(await client.fetch('/protected', { method: 'POST' })), 'grace')
      }
    })
  })
}

for (const tokens of MODES) {
  test(`a client with tokens: '${tokens}' does not send a request of a login again as that of its next`, async t => {
    const { server } = await loggedIn(t, tokens)
    const client = await interrupted(server, '/protected', async () => void (await client.login(OTHERS)))
    server.clock.advance('16m')
    assert.equal((await client.fetch('/protected', { method: 'POST' })).status, 401)
    assert.equal(server.count('POST /protected'), 1)
    assert.equal(await subOf(await client.fetch('/protected')), 'grace')
  })
}
