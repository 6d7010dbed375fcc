import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type MemoryRecord, MemoryTokenStore } from '../../stores/memory.js'
import { claimsOf, flowApi, verdict } from './api.js'

const REVOKED = [401, 'RevokedTokenError']

/** An API, and its store's content to be kept and to be put back. */
async function apiWithBackup(t: TestContext) {
  const map = new Map<string, MemoryRecord>()
  const store = new MemoryTokenStore({ map })
  t.after(() => store.close())
  const api = await flowApi(t, { store })
  const rollbacks: object[] = []
  api.authx.on('storeRollback', event => rollbacks.push(event))
  let backup: [string, MemoryRecord][] = []
  const keep = () => {
    backup = [...map]
  }
  const putBack = () => {
    map.clear()
    for (const [key, record] of backup) map.set(key, record)
  }
  return { ...api, map, rollbacks, keep, putBack }
}

describe('a store that is set back', () => {
  test('ends a login that it has lost', async t => {
    const api = await apiWithBackup(t)
    api.keep()
    const { json } = await api.login()
    api.putBack()
    assert.deepEqual(verdict(await api.protected(json.access_token)), REVOKED)
    assert.deepEqual(verdict(await api.refresh(json.refresh_token)), REVOKED)
  })

  test('undoes a logout that it has lost, until the next one', async t => {
    const api = await apiWithBackup(t)
    const { json } = await api.login()
    api.keep()
    await api.logout(json.access_token)
    api.putBack()
    assert.equal((await api.protected(json.access_token)).status, 200)
    await api.logout(json.access_token)
    assert.deepEqual(verdict(await api.protected(json.access_token)), REVOKED)
  })

  test('undoes a revokeAllSessions that it has lost, until the next one', async t => {
    const api = await apiWithBackup(t)
    const { json } = await api.login()
    api.keep()
    await api.authx.revokeAllSessions('ada')
    api.putBack()
    assert.equal((await api.protected(json.access_token)).status, 200)
    await api.authx.revokeAllSessions('ada')
    assert.deepEqual(verdict(await api.protected(json.access_token)), REVOKED)
  })

  test('lets the successor of a refresh that it has lost go on, and tells of it', async t => {
    const api = await apiWithBackup(t)
    const { json } = await api.login()
    api.keep()
    const next = await api.refresh(json.refresh_token)
    api.putBack()
    assert.equal((await api.protected(next.json.access_token)).status, 200)
    const later = await api.refresh(next.json.refresh_token)
    assert.equal(later.status, 200)
    assert.equal(claimsOf(later.json.refresh_token).gen, 2)
    assert.deepEqual(api.rollbacks, [{ sid: claimsOf(json.access_token).sid, sub: 'ada' }])
  })

  test('takes the token that was used up by a lost refresh again, and ends the session when its successor comes', async t => {
    const api = await apiWithBackup(t)
    const { json } = await api.login()
    api.keep()
    const next = await api.refresh(json.refresh_token)
    api.putBack()
    const other = await api.refresh(json.refresh_token)
    assert.equal(other.status, 200)
    assert.deepEqual(verdict(await api.refresh(next.json.refresh_token)), [401, 'ReusedTokenError'])
    assert.deepEqual(verdict(await api.protected(other.json.access_token)), REVOKED)
  })

  test('refuses the newest token of two refreshes that it has lost, and does not end the session', async t => {
    const api = await apiWithBackup(t)
    const { json } = await api.login()
    api.keep()
    const next = await api.refresh(json.refresh_token)
    const newest = await api.refresh(next.json.refresh_token)
    api.putBack()
    assert.deepEqual(verdict(await api.refresh(newest.json.refresh_token)), REVOKED)
    assert.equal((await api.protected(newest.json.access_token)).status, 200)
  })
})

test('a store that is lost ends every session, and lets tokens that name none be good again', async t => {
  const api = await apiWithBackup(t)
  const { json } = await api.login()
  const single = api.authx.createAccessToken('ada')
  await api.authx.revoke(single)
  assert.deepEqual(verdict(await api.protected(single)), REVOKED)
  api.map.clear()
  assert.deepEqual(verdict(await api.protected(json.access_token)), REVOKED)
  assert.equal((await api.protected(single)).status, 200)
})
