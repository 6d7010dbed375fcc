import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Answer, type Api, startApis } from '../support/api.js'
import { sharedBackends } from '../support/shared-backends.js'
import { contentOf } from '../support/signing.js'
import type { SharedBackend } from '../support/store-kinds.js'

/** The deadline is tested elsewhere; on a loaded machine with a synchronous disk a race takes its time. */
const storeTimeout = 20_000

interface Arena {
  name: string
  processes: number
  backend(): SharedBackend | undefined
}

const backends = sharedBackends()

const ARENAS: Arena[] = [
  { name: 'the memory store, in one process', processes: 1, backend: () => undefined },
  { name: 'SQLite, from four processes', processes: 4, backend: () => backends.sqlite('race') },
  { name: 'Redis, from four processes', processes: 4, backend: () => backends.redis() },
  { name: 'PostgreSQL, from four processes', processes: 4, backend: () => backends.postgres() },
]

const successes = (answers: readonly Answer[]) => answers.filter(({ status }) => status === 200)
const inTurn = (apis: readonly Api[], n: number) => apis[n % apis.length] as Api

for (const { name, processes, backend } of ARENAS) {
  describe(`on ${name}`, () => {
    const start = (refreshGracePeriod: number) => {
      const shared = backend()
      return startApis(processes, { ...(shared && { backend: shared }), options: { refreshGracePeriod, storeTimeout } })
    }
    const hundredRefreshes = (apis: readonly Api[], token: unknown) =>
      Promise.all(Array.from({ length: 100 }, (_, n) => inTurn(apis, n).call('POST', '/refresh', token)))

    describe('with a grace period', () => {
      let apis: Api[]
      before(async () => {
        apis = await start(60)
      })
      after(() => apis.forEach(api => void api.stop()))

      test('a hundred refreshes of one token at the same moment get one and the same successor', async () => {
        const login = await inTurn(apis, 0).call('POST', '/login/ada')
        const answers = await hundredRefreshes(apis, login.body.refresh_token)
        assert.equal(successes(answers).length, 100)
        assert.equal(new Set(answers.map(({ body }) => body.refresh_token)).size, 1)
        const successor = answers[0]?.body.refresh_token
        assert.notEqual(successor, login.body.refresh_token)
        assert.equal(generation(successor), 1)
        for (const api of apis) assert.equal((await api.call('GET', '/refreshable', successor)).status, 200)
      })

      test('after logout has answered, its tokens and those of a refresh that raced with it are refused everywhere', async () => {
        for (let round = 0; round < 10; round++) {
          const login = await inTurn(apis, round).call('POST', '/login/ada')
          const refreshing = apis.map(api => api.call('POST', '/refresh', login.body.refresh_token))
          const logout = await inTurn(apis, round + 1).call('POST', '/logout', login.body.access_token)
          assert.equal(logout.status, 204)
          await refused(apis, login)
          for (const raced of successes(await Promise.all(refreshing))) await refused(apis, raced)
        }
      })

      test('after logout everywhere has answered, all sessions from before are refused, and a login after it lives', async () => {
        const logins = await Promise.all(apis.map(api => api.call('POST', '/login/grace')))
        const { body } = logins[0] as Answer
        assert.equal((await inTurn(apis, 1).call('POST', '/logout-everywhere', body.access_token)).status, 204)
        for (const login of logins) await refused(apis, login)
        const later = await inTurn(apis, 2).call('POST', '/login/grace')
        for (const api of apis) assert.equal((await api.call('GET', '/protected', later.body.access_token)).status, 200)
      })
    })

    test('without a grace period one of a hundred refreshes succeeds, and the session is revoked', async () => {
      const apis = await start(0)
      try {
        const login = await inTurn(apis, 0).call('POST', '/login/ada')
        const answers = await hundredRefreshes(apis, login.body.refresh_token)
        assert.equal(successes(answers).length, 1)
        assert.ok(answers.every(({ status }) => status === 200 || status === 401))
        assert.equal(answers.filter(({ body }) => body.error_type === 'ReusedTokenError').length, 1)
        await refused(apis, login)
        await refused(apis, successes(answers)[0] as Answer)
      } finally {
        for (const api of apis) api.stop()
      }
    })
  })
}

/** Every process refuses the access token and the refresh token of an answer as revoked. */
async function refused(apis: readonly Api[], { body }: Answer): Promise<void> {
  for (const api of apis) {
    const answers = await Promise.all([
      api.call('GET', '/protected', body.access_token),
      api.call('GET', '/refreshable', body.refresh_token),
      api.call('POST', '/refresh', body.refresh_token),
    ])
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.error_type]),
      Array(3).fill([401, 'RevokedTokenError']),
    )
  }
}

const generation = (token: unknown) => contentOf(String(token)).claims.gen
