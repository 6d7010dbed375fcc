import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { until } from '../support/until.js'
import { CREDENTIALS, OTHERS, type PageApp, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { type Tab, VISITORS, visit } from './support/tab.js'

/** Served beside the present client. */
const OLD = '/client-0.1.0.js'
const old = readFileSync(new URL(`support${OLD}`, import.meta.url))

interface Scene {
  readonly api: PageApp
  readonly tabs: readonly [Tab, Tab]
}

/** Two tabs of one visitor: in the order of `scripts`, each with the client that is served there. */
async function scene(
  t: TestContext,
  browser: string,
  tokens: 'cookies' | 'dual',
  scripts: readonly [string, string],
): Promise<Scene> {
  const api = pageApp(tokens)
  const handle = api.app.callback()
  const { origin } = await serveSite(t, (request, response) => {
    if (request.url !== OLD) return handle(request, response)
    response.setHeader('Content-Type', 'text/javascript').end(old)
  })
  const visitor = await visit(t, browser)
  const open = (script: string) => visitor.newTab(`${origin}/?script=${script}`)
  return { api, tabs: [await open(scripts[0]), await open(scripts[1])] }
}

const logIn = (tab: Tab, credentials: object) =>
  tab.evaluate(async credentials => void (await client.login(credentials)), credentials)
const isIn = (tab: Tab) => tab.evaluate(() => client.loggedIn)
const subOf = async (tab: Tab) => (await tab.evaluate(() => answerOf('/protected', 'POST'))).sub

for (const browser of Object.keys(VISITORS))
  for (const [tokens, how, scripts] of [
    ['cookies', 'this client, and 0.1.0 in the other tab', ['/client.js', OLD]],
    ['dual', '0.1.0, and this client in the other tab', [OLD, '/client.js']],
  ] as const)
    describe(`a tab in ${browser} with tokens: '${tokens}' that has ${how}`, () => {
      test('logs in, refreshes and logs out in both', async t => {
        const { api, tabs } = await scene(t, browser, tokens, scripts)
        const [one, other] = tabs
        await logIn(one, CREDENTIALS)
        await until(() => isIn(other))
        for (let n = 0; n < 2; n++) {
          assert.deepEqual(await Promise.all(tabs.map(subOf)), ['ada', 'ada'])
          api.clock.advance('16m')
        }
        await Promise.all(tabs.map(tab => tab.evaluate(() => client.refresh())))
        assert.deepEqual(await Promise.all(tabs.map(subOf)), ['ada', 'ada'])
        await one.evaluate(() => client.logout())
        await until(async () => !(await isIn(other)))
        assert.deepEqual(await Promise.all(tabs.map(subOf)), [undefined, undefined])
        assert.deepEqual(await api.authx.listSessions('ada'), [])
      })

      test('acts in both as the user who has logged in last', async t => {
        const { api, tabs } = await scene(t, browser, tokens, scripts)
        const [one, other] = tabs
        await logIn(other, CREDENTIALS)
        await until(() => isIn(one))
        await logIn(one, OTHERS)
        await until(async () => (await subOf(other)) === 'grace')
        api.clock.advance('16m')
        assert.deepEqual(await Promise.all(tabs.map(subOf)), ['grace', 'grace'])
        await other.evaluate(() => client.logout())
        await until(async () => !(await isIn(one)))
        await logIn(other, CREDENTIALS)
        await until(() => isIn(one))
        assert.deepEqual(await Promise.all(tabs.map(subOf)), ['ada', 'ada'])
      })
    })
