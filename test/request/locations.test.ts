import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bearer, cookie, type Sent } from '../support/app.js'
import { ALL, finderOf, found, JSON_TYPE, json } from './finder.js'

describe('the locations are tried in their order', () => {
  const everywhere: Sent = {
    ...json({ access_token: 'J' }),
    path: '/?token=Q',
    headers: [bearer('H'), cookie({ access_token_cookie: 'C' }), JSON_TYPE],
  }

  test('the first that holds a token wins', async t => {
    assert.equal(await found(await finderOf(t), everywhere), 'headers:H')
    for (const first of ALL) {
      const access = [first, ...ALL.filter(each => each !== first)]
      const client = await finderOf(t, { tokenLocation: { access, refresh: ['headers'] } })
      assert.match(String(await found(client, everywhere)), new RegExp(`^${first}:`))
    }
  })

  test('what holds nothing moves on', async t => {
    const client = await finderOf(t)
    assert.equal(
      await found(client, { ...everywhere, headers: [JSON_TYPE, cookie({ access_token_cookie: 'C' })] }),
      'cookies:C',
    )
    assert.equal(await found(client, { ...everywhere, headers: [JSON_TYPE] }), 'json:J')
    assert.equal(await found(client, { path: '/?token=Q' }), 'query:Q')
    assert.equal(await found(client, {}), 'nothing')
  })

  test('empty values, and another scheme, are nothing', async t => {
    const empty: Sent = {
      ...json({ access_token: '' }),
      path: '/?token=Q',
      headers: [['Authorization', 'Basic dGVzdA=='], cookie({ access_token_cookie: '' }), JSON_TYPE],
    }
    assert.equal(await found(await finderOf(t), empty), 'query:Q')
  })

  test('what is malformed is an error and never moves on', async t => {
    const client = await finderOf(t)
    const first: Sent[] = [
      { ...everywhere, headers: [['Authorization', 'Bearer a b'], ...(everywhere.headers ?? []).slice(1)] },
      {
        ...everywhere,
        headers: [cookie({ access_token_cookie: 'C' }), ['Cookie', 'access_token_cookie=D'], JSON_TYPE],
      },
      { ...everywhere, headers: [JSON_TYPE], body: '{"access_token":5}' },
      { path: '/?token=Q&token=Q' },
    ]
    for (const sent of first) assert.equal(await found(client, sent), 400)
  })

  test('a location that is not configured is not looked at', async t => {
    const client = await finderOf(t, { tokenLocation: ['headers'] })
    const malformed: Sent = {
      ...json({ access_token: 5 }),
      path: '/?token=a&token=b',
      headers: [JSON_TYPE, cookie({ access_token_cookie: 'C' })],
    }
    assert.equal(await found(client, malformed), 'nothing')
  })

  test('each type has its own', async t => {
    const client = await finderOf(t, { tokenLocation: { access: ['headers'], refresh: ['cookies'] } }, 'refresh')
    assert.equal(
      await found(client, { headers: [bearer('H'), cookie({ access_token_cookie: 'A', refresh_token_cookie: 'R' })] }),
      'cookies:R',
    )
  })

  test('refresh tokens are not looked for in the query by default', async t => {
    const client = await finderOf(t, { tokenLocation: ['headers', 'query'] }, 'refresh')
    assert.equal(await found(client, { path: '/?token=Q' }), 'nothing')
  })
})
