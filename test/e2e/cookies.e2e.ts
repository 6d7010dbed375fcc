import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { newTab, newVisitor } from './support/browser.js'
import { CREDENTIALS, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'

const TOKEN = [true, true, 'Lax', '/']
const CSRF = [false, true, 'Lax', '/']
const COOKIES = {
  cookies: {
    access_token_cookie: TOKEN,
    csrf_access_token: CSRF,
    csrf_refresh_token: CSRF,
    refresh_token_cookie: TOKEN,
  },
  dual: { csrf_refresh_token: CSRF, refresh_token_cookie: TOKEN },
}

for (const tls of [false, true]) {
  for (const tokens of ['cookies', 'dual'] as const) {
    describe(`the cookies over ${tls ? 'https' : 'http on localhost'}, tokens: '${tokens}'`, () => {
      test('have the flags that they should have, and are gone after the logout', async t => {
        const { origin } = await serveSite(t, pageApp(tokens).app, { tls })
        const visitor = await newVisitor(t)
        const tab = await newTab(visitor, origin)
        await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
        const kept = (await visitor.cookies()).map(
          ({ name, httpOnly, secure, sameSite, path }) => [name, [httpOnly, secure, sameSite, path]] as const,
        )
        assert.deepEqual(Object.fromEntries(kept), COOKIES[tokens])
        await tab.evaluate(() => client.logout())
        assert.deepEqual(await visitor.cookies(), [])
      })

      test('hide their tokens from scripts, and so do the storages and the answers', async t => {
        const { origin } = await serveSite(t, pageApp(tokens).app, { tls })
        const visitor = await newVisitor(t)
        const tab = await newTab(visitor, origin)
        const body = await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
        assert.equal('refresh_token' in body, false)
        assert.equal('access_token' in body, tokens === 'dual')
        const seen = await tab.evaluate(async () => {
          await client.refresh()
          const databases = await indexedDB.databases()
          return JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, databases, heard])
        })
        const values = (await visitor.cookies()).filter(({ httpOnly }) => httpOnly).map(({ value }) => value)
        assert.equal(values.length, tokens === 'cookies' ? 2 : 1)
        assert.match(seen, /csrf_refresh_token/)
        assert.deepEqual(
          values.filter(value => seen.includes(value)),
          [],
        )
        assert.doesNotMatch(seen, /eyJ/)
      })
    })
  }
}

test('no token goes from tab to tab', async t => {
  const { origin } = await serveSite(t, pageApp('dual').app)
  const visitor = await newVisitor(t)
  const listening = await newTab(visitor, origin)
  await listening.evaluate(url => {
    Object.assign(window, { said: [] })
    new BroadcastChannel(`koa-authx ${url}/refresh`).onmessage = ({ data }) =>
      (window as unknown as { said: unknown[] }).said.push(data)
  }, origin)
  const tab = await newTab(visitor, origin)
  await tab.evaluate(async credentials => {
    await client.login(credentials)
    await client.refresh()
    await client.logout()
  }, CREDENTIALS)
  await listening.waitForFunction(
    () => (window as unknown as { said: { type: string }[] }).said.at(-2)?.type === 'logout',
  )
  const said = await listening.evaluate(() => (window as unknown as { said: Record<string, unknown>[] }).said)
  assert.deepEqual(
    said.map(({ type }) => type),
    ['begin', 'login', 'done', 'begin', 'refresh', 'done', 'begin', 'logout', 'done'],
  )
  assert.deepEqual(
    new Set(said.flatMap(message => Object.keys(message))),
    new Set(['type', 'reason', 'id', 'expires_in']),
  )
})
