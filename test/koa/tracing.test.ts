import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import { type AuthXTraces, RefreshTokenRequiredError, RevokedTokenError } from '../../src/index.js'
import { claimsOf, flowApi } from '../flows/api.js'
import { bearer, makeAuthX } from '../support/app.js'

const CHANNELS = ['verify', 'store', 'refresh'] as const satisfies readonly (keyof AuthXTraces)[]

type Message = Record<string, unknown>

/** What every channel said, as `[channel, moment, message]`; messages as they were at that moment. */
function subscribed(t: TestContext) {
  const said: [channel: string, moment: string, message: Message][] = []
  for (const name of CHANNELS) {
    const channel = tracingChannel(`koa-authx:${name}`)
    const listener = (moment: string) => (message: unknown) =>
      void said.push([name, moment, { ...(message as Message) }])
    const subscriber = {
      start: listener('start'),
      end: listener('end'),
      asyncStart: listener('asyncStart'),
      asyncEnd: listener('asyncEnd'),
      error: listener('error'),
    }
    channel.subscribe(subscriber)
    t.after(() => channel.unsubscribe(subscriber))
  }
  return { ended: (name: string) => said.filter(([from, moment]) => from === name && moment === 'asyncEnd'), said }
}

test('a guarded request shows whose token was judged and what the store was asked', async t => {
  const api = await flowApi(t)
  const { json } = await api.login()
  const { jti, sid } = claimsOf(json.access_token)
  const { said, ended } = subscribed(t)
  assert.equal((await api.protected(json.access_token)).status, 200)
  const judged = { type: 'access', location: 'headers', jti, sid, sub: 'ada', result: undefined }
  // One by the middleware, one by the guard, which asks the store no second time.
  assert.deepEqual(
    ended('verify').map(([, , message]) => message),
    [judged, judged],
  )
  assert.deepEqual(
    ended('store').map(([, , message]) => message),
    [{ operation: 'check', result: undefined }],
  )
  assert.deepEqual(said[0], ['verify', 'start', { type: 'access' }])
})

test('a refusal shows its error, and a request without a token none', async t => {
  const api = await flowApi(t)
  const { json } = await api.login()
  await api.logout(json.access_token)
  const { said, ended } = subscribed(t)
  await api.protected(json.access_token)
  const errors = said.filter(([name, moment]) => name === 'verify' && moment === 'error')
  assert.equal(errors.length, 2)
  assert.ok(errors.every(([, , { error, sub }]) => error instanceof RevokedTokenError && sub === 'ada'))
  said.length = 0
  await api.send({ path: '/protected' })
  assert.deepEqual(
    ended('verify').map(([, , message]) => message),
    [
      { type: 'access', result: undefined },
      { type: 'access', result: undefined },
    ],
  )
})

test('a refresh, a logout and a list are shown with the operations that they ask of the store', async t => {
  const api = await flowApi(t)
  const { json } = await api.login()
  const { sid } = claimsOf(json.access_token)
  const { said, ended } = subscribed(t)
  const operations = () => {
    const names = ended('store').map(([, , { operation }]) => operation)
    return names
  }
  await api.refresh(json.refresh_token)
  assert.deepEqual(ended('refresh')[0]?.[2], { sid, sub: 'ada', result: undefined })
  assert.deepEqual(operations(), ['rotate'])
  said.length = 0
  await api.authx.listSessions('ada')
  await api.logout(json.refresh_token)
  await api.login()
  assert.deepEqual(operations(), ['list', 'revoke', 'open'])
})

test('verifyToken is shown too, without a location', async t => {
  const authx = makeAuthX()
  const token = authx.createAccessToken('ada')
  const { ended } = subscribed(t)
  await authx.verifyToken(token)
  assert.deepEqual(ended('verify')[0]?.[2], { type: 'access', jti: claimsOf(token).jti, sub: 'ada', result: undefined })
  await assert.rejects(authx.verifyToken(token, { type: 'refresh' }))
  assert.ok(ended('verify')[1]?.[2].error instanceof RefreshTokenRequiredError)
})

test('spans nest: what a subscriber binds to a refresh is there in the operation on the store', async t => {
  const api = await flowApi(t)
  const { json } = await api.login()
  const spans = new AsyncLocalStorage<string>()
  const [refresh, store] = [tracingChannel('koa-authx:refresh'), tracingChannel('koa-authx:store')]
  const within: unknown[] = []
  const look = () => void within.push(spans.getStore())
  refresh.start.bindStore(spans, () => 'the refresh')
  store.start.subscribe(look)
  t.after(() => {
    refresh.start.unbindStore(spans)
    store.start.unsubscribe(look)
  })
  await api.refresh(json.refresh_token)
  await api.send({ path: '/protected', headers: [bearer(String(json.access_token))] })
  assert.deepEqual(within, ['the refresh', undefined])
})
