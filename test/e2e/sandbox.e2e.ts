import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { test } from 'node:test'
import { until } from '../support/until.js'
import { CREDENTIALS, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { VISITORS, visit } from './support/tab.js'

/** Lets frames without an origin in, and frames every page of the site in one. */
const inFrame =
  (listener: RequestListener): RequestListener =>
  (request, response) => {
    response.setHeader('Access-Control-Allow-Origin', 'null')
    response.setHeader('Access-Control-Allow-Credentials', 'true')
    response.setHeader('Access-Control-Allow-Headers', 'authorization, content-type, x-csrf-token')
    if (request.method === 'OPTIONS') return void response.writeHead(204).end()
    if (request.url !== '/frame') return listener(request, response)
    response.setHeader('Content-Type', 'text/html')
    response.end('<!doctype html><title>A frame</title><iframe sandbox="allow-scripts" src="/"></iframe>')
  }

for (const browser of Object.keys(VISITORS))
  test(`a client in a sandboxed frame in ${browser}, which may use no cookies and no locks, logs in and calls`, async t => {
    const api = pageApp('dual')
    const { origin } = await serveSite(t, inFrame(api.app.callback()))
    const visitor = await visit(t, browser)
    const frame = await (await visitor.newTab(`${origin}/frame`)).frame()
    await until(() => frame.evaluate(() => window.client !== undefined))
    const refused = await frame.evaluate(async () => {
      const attempts = [async () => document.cookie, () => navigator.locks.request('a', async () => {})]
      return Promise.all(attempts.map(attempt => attempt().then(String, ({ name }) => name)))
    })
    assert.deepEqual(refused, ['SecurityError', 'SecurityError'])
    assert.equal(await frame.evaluate(() => client.loggedIn), false)
    await frame.evaluate(credentials => client.login(credentials), CREDENTIALS)
    assert.equal(await frame.evaluate(() => statusOf('/protected', 'POST')), 200)
    assert.deepEqual(await frame.evaluate(() => heard.map(([type]) => type)), ['login'])
  })
