import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXOptions } from '../../src/index.js'
import { flowApi, verdict } from './api.js'

const SECOND = 1000

/** An API whose claims getter answers a refresh when the test calls the function in `waiting`. */
async function apiWithSlowGetter(t: TestContext, options: AuthXOptions = {}) {
  const api = await flowApi(t, options)
  const waiting: (() => void)[] = []
  const getter = { slow: false }
  api.authx.setClaimsGetter(async () => {
    if (getter.slow) await new Promise<void>(resolve => waiting.push(resolve))
    return {}
  })
  const events: string[] = []
  for (const name of ['refreshed', 'replayed', 'recovered', 'reuse', 'revoked'] as const)
    api.authx.on(name, () => events.push(name))
  const first = (await api.login()).json
  getter.slow = true
  const isAsked = async (times: number) => {
    while (waiting.length < times) await new Promise(resolve => setTimeout(resolve, 2))
  }
  /** Sends a refresh. Resolves to its answer and to the function that answers the getter. */
  const begin = async (token: unknown) => {
    const count = waiting.length
    const reply = api.refresh(token)
    await isAsked(count + 1)
    return { reply, answer: waiting[count] as () => void }
  }
  return { ...api, first, begin, events, getter }
}

describe('a claims getter that takes long', () => {
  test('does not shorten the grace period of the token that is refreshed', async t => {
    const api = await apiWithSlowGetter(t, { refreshGracePeriod: '5s' })
    const one = await api.begin(api.first.refresh_token)
    api.clock.now += 4.5 * SECOND
    one.answer()
    const { json } = await one.reply
    assert.equal((await api.protected(json.access_token)).status, 200)
    api.clock.now += SECOND
    api.getter.slow = false
    const again = await api.refresh(api.first.refresh_token)
    assert.deepEqual([...verdict(again), again.json.refresh_token], [200, undefined, json.refresh_token])
    assert.deepEqual(api.events, ['refreshed', 'replayed'])
  })

  test('logs out neither of two tabs that refresh at once', async t => {
    const api = await apiWithSlowGetter(t, { refreshGracePeriod: '5s' })
    const one = await api.begin(api.first.refresh_token)
    api.clock.now += SECOND
    const two = await api.begin(api.first.refresh_token)
    api.clock.now += 3.5 * SECOND
    one.answer()
    const { json } = await one.reply
    assert.equal((await api.protected(json.access_token)).status, 200)
    api.clock.now += SECOND
    two.answer()
    assert.deepEqual(verdict(await two.reply), [200, undefined])
    assert.deepEqual(api.events, ['refreshed', 'replayed'])
  })

  test('does not make a used-up token too old that came within the grace period', async t => {
    const api = await apiWithSlowGetter(t, { refreshGracePeriod: '5s' })
    api.getter.slow = false
    const { json } = await api.refresh(api.first.refresh_token)
    api.getter.slow = true
    api.clock.now += 4 * SECOND
    const late = await api.begin(api.first.refresh_token)
    api.clock.now += 2 * SECOND
    // Another write of the record: the token is confirmed.
    assert.equal((await api.protected(json.access_token)).status, 200)
    late.answer()
    assert.deepEqual(verdict(await late.reply), [200, undefined])
    assert.deepEqual(api.events, ['refreshed', 'replayed'])
  })

  test('gives no tokens of a session that has ended meanwhile, and none that are used up meanwhile', async t => {
    const api = await apiWithSlowGetter(t)
    api.getter.slow = false
    const { json } = await api.refresh(api.first.refresh_token)
    await api.refresh(api.first.refresh_token)
    api.getter.slow = true
    const late = await api.begin(api.first.refresh_token)
    api.getter.slow = false
    const newest = await api.refresh(json.refresh_token)
    late.answer()
    assert.equal((await late.reply).json.refresh_token, newest.json.refresh_token)
    api.getter.slow = true
    const tooLate = await api.begin(json.refresh_token)
    await api.logout(newest.json.access_token)
    tooLate.answer()
    assert.deepEqual(verdict(await tooLate.reply), [401, 'RevokedTokenError'])
  })

  test('and answers after callbackTimeout is 503, and neither the refresh nor the late answer changes anything', async t => {
    const api = await apiWithSlowGetter(t, { callbackTimeout: 1 })
    const late = await api.begin(api.first.refresh_token)
    assert.deepEqual(verdict(await late.reply), [503, 'CallbackUnavailableError'])
    late.answer()
    api.getter.slow = false
    assert.equal((await api.protected(api.first.access_token)).status, 200)
    assert.equal((await api.refresh(api.first.refresh_token)).status, 200)
    assert.deepEqual(api.events, ['refreshed'])
  })
})
