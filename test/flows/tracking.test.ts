import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../support/until.js'
import { flowApi } from './api.js'

test('a login keeps the fields that the application gives, and no more unless told to', async t => {
  const api = await flowApi(t)
  await api.login({ device: { name: 'laptop' } })
  assert.deepEqual((await api.authx.listSessions('ada'))[0]?.device, { name: 'laptop' })
})

test('with sessionTracking a login keeps user agent and IP address beside them', async t => {
  const api = await flowApi(t, { sessionTracking: true })
  await api.login({ device: { name: 'laptop' } })
  const [session] = await api.authx.listSessions('ada')
  assert.deepEqual(session?.device, { userAgent: 'test browser', ip: '127.0.0.1', name: 'laptop' })
})

test('an address that a client made up is not kept, and no header is too long for a login', async t => {
  const api = await flowApi(t, { sessionTracking: true }, app => {
    app.proxy = true
  })
  for (const forwarded of ['1'.repeat(9000), 'no address', '<script>']) {
    const headers = [['X-Forwarded-For', forwarded] as const, ['User-Agent', 'x'.repeat(4000)] as const]
    assert.equal((await api.send({ method: 'POST', path: '/login', headers })).status, 200)
  }
  for (const { device } of await api.authx.listSessions('ada')) assert.deepEqual(device, { userAgent: 'x'.repeat(512) })
})

test('no header is too long beside the largest device that an application may give', async t => {
  const api = await flowApi(t, { sessionTracking: true })
  const device = { name: 'x'.repeat(8192 - '{"name":""}'.length) }
  assert.equal((await api.login({ device: { name: `${device.name}x` } })).status, 500)
  assert.equal((await api.login({ device })).status, 200)
  const userAgent = '"'.repeat(512)
  assert.equal((await api.send({ method: 'POST', path: '/login', headers: [['User-Agent', userAgent]] })).status, 200)
  const kept = (await api.authx.listSessions('ada')).map(session => session.device)
  assert.deepEqual(
    kept,
    [userAgent, 'test browser'].map(name => ({ userAgent: name, ip: '127.0.0.1', ...device })),
  )
})

test('with sessionTracking a guarded request writes down when the session was last active, once a minute', async t => {
  const api = await flowApi(t, { sessionTracking: true })
  const { json } = await api.login()
  const lastActive = async () => (await api.authx.listSessions('ada'))[0]?.lastActiveAt.getTime()
  const login = api.clock.now
  api.clock.now += 59_000
  await api.protected(json.access_token)
  assert.equal(await lastActive(), login)
  api.clock.now += 1_000
  await api.protected(json.access_token)
  // It is shown when its minute is over.
  api.clock.now += 60_000
  await until(async () => (await lastActive()) === login + 60_000)
})

for (const options of [{}, { sessionTracking: true, sessionUpdateLastActive: false }]) {
  test(`with ${JSON.stringify(options)} a guarded request writes nothing`, async t => {
    const api = await flowApi(t, options)
    const { json } = await api.login()
    const login = api.clock.now
    api.clock.now += 600_000
    await api.protected(json.access_token)
    await new Promise(setImmediate)
    assert.equal((await api.authx.listSessions('ada'))[0]?.lastActiveAt.getTime(), login)
  })
}

test('what is written down of activity never undoes a logout or a rotation', async t => {
  const api = await flowApi(t, { sessionTracking: true })
  const { json } = await api.login()
  api.clock.now += 61_000
  const [, rotated] = await Promise.all([
    api.protected(json.access_token),
    api.refresh(json.refresh_token),
    api.protected(json.access_token),
  ])
  assert.equal((await api.refresh(rotated.json.refresh_token)).status, 200)
  api.clock.now += 61_000
  await Promise.all([api.protected(json.access_token), api.logout(json.access_token), api.protected(json.access_token)])
  assert.equal((await api.protected(json.access_token)).status, 401)
})

test('a refresh counts as activity in any case', async t => {
  const api = await flowApi(t)
  const { json } = await api.login()
  api.clock.now += 125_000
  await api.refresh(json.refresh_token)
  const refreshed = api.clock.now
  api.clock.now += 60_000
  const [session] = await api.authx.listSessions('ada')
  assert.equal(session?.lastActiveAt.getTime(), refreshed - 5_000)
})

test('a device that is no object is a mistake that shows', async t => {
  const api = await flowApi(t, { sessionTracking: true })
  for (const device of ['phone', ['phone'], null, 5]) {
    assert.equal((await api.login({ device: device as never })).status, 500)
  }
  assert.deepEqual(await api.authx.listSessions('ada'), [])
})
