/**
 * `cookiePartitioned` in Chromium: a server whose pages other sites show in frames. To a browser `www.app.test`,
 * `friend.test` and `evil.test` are three sites.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Koa from 'koa'
import type { BrowserContext, Frame, Page } from 'playwright-core'
import { MemoryTokenStore } from '../../stores/memory.js'
import { newTab, newVisitorWithoutThirdPartyCookies, newVisitorWithThirdPartyCookies } from './support/browser.js'
import { type FormApp, type FormAppOptions, formApp } from './support/form-app.js'
import { serveSite } from './support/site.js'
import { HOST_FLAGS } from './support/tab.js'

const UNPARTITIONED: FormAppOptions = { cookieSamesite: 'none' }
const PARTITIONED: FormAppOptions = { ...UNPARTITIONED, cookiePartitioned: true }

interface Scene {
  readonly visitor: BrowserContext
  /** Origin of the server. */
  readonly target: string
  /** Opens a page of a site that shows the server in a frame. */
  embed(host: string): Promise<Page>
  /** Puts another version of the server in the place of the present one. */
  deploy(options: FormAppOptions): FormApp
}

async function scene(t: TestContext, visitor: BrowserContext): Promise<Scene> {
  const store = new MemoryTokenStore()
  let answer: ReturnType<Koa['callback']> | undefined
  const site = await serveSite(t, (request, response) => void answer?.(request, response), { tls: true })
  const target = site.at('www.app.test')
  const embedder = new Koa().use(ctx => {
    ctx.body = `<!doctype html><title>A page with a frame</title><iframe src="${target}/"></iframe>`
  })
  const { at } = await serveSite(t, embedder, { tls: true })
  return {
    visitor,
    target,
    embed: host => newTab(visitor, at(host)),
    deploy(options) {
      const api = formApp({ store, ...options })
      answer = api.app.callback()
      return api
    },
  }
}

const blocking = async (t: TestContext) => scene(t, await newVisitorWithoutThirdPartyCookies(t, HOST_FLAGS))
const sending = async (t: TestContext) => scene(t, await newVisitorWithThirdPartyCookies(t, HOST_FLAGS))

/** The frame of a page, or the page itself if it has none. */
const frameOf = (page: Page): Frame => page.frames().at(-1) ?? page.mainFrame()

/** Waits until the page of the server tells who is logged in and what the counter is. */
async function shows(page: Page, title: string): Promise<void> {
  await frameOf(page).waitForFunction(expected => document.title === expected, title)
}

/** Submits a form of the server's page, and waits until the answer has taken its place. */
async function submit(page: Page, id: string): Promise<void> {
  const frame = frameOf(page)
  const navigated = page.waitForEvent('framenavigated', each => each === frame)
  await Promise.all([navigated, frame.locator(`#${id} button`).click()])
}

async function logIn(page: Page, username: string): Promise<void> {
  await frameOf(page).locator('#login input').fill(username)
  await submit(page, 'login')
}

test('in a frame, with third-party cookies blocked, a login holds, and a frame of a third site does not see it', async t => {
  const { embed, deploy, visitor, target } = await blocking(t)
  deploy(PARTITIONED)
  const framed = await embed('friend.test')
  await shows(framed, 'nobody, 0')
  await logIn(framed, 'ada')
  await shows(framed, 'ada, 0')
  await framed.reload()
  await submit(framed, 'count')
  await shows(framed, 'ada, 1')
  const third = await embed('evil.test')
  await shows(third, 'nobody, 1')
  const tab = await newTab(visitor, target)
  await shows(tab, 'nobody, 1')
  await logIn(third, 'grace')
  await shows(third, 'grace, 1')
  await submit(third, 'logout')
  await shows(third, 'nobody, 1')
  await submit(framed, 'refresh')
  await submit(framed, 'count')
  await shows(framed, 'ada, 2')
  await submit(framed, 'logout')
  await shows(framed, 'nobody, 2')
  assert.deepEqual(await visitor.cookies(), [])
})

test('in a frame, with third-party cookies blocked, no login holds without cookiePartitioned', async t => {
  const { embed, deploy, visitor } = await blocking(t)
  const api = deploy(UNPARTITIONED)
  const framed = await embed('friend.test')
  const [login, home] = [api.next('POST /login'), api.next('GET /')]
  await logIn(framed, 'ada')
  assert.equal((await login).status, 303)
  assert.equal((await home).withToken, false)
  assert.deepEqual(await visitor.cookies(), [])
})

test('who is logged in when cookiePartitioned is turned on stays so, and logs out and in again', async t => {
  const { embed, deploy, visitor, target } = await sending(t)
  deploy(UNPARTITIONED)
  const tab = await newTab(visitor, target)
  await logIn(tab, 'ada')
  await shows(tab, 'ada, 0')
  const framed = await embed('friend.test')
  await shows(framed, 'ada, 0')
  deploy(PARTITIONED)
  await framed.reload()
  await shows(framed, 'ada, 0')
  await submit(framed, 'count')
  await shows(framed, 'ada, 1')
  await submit(framed, 'refresh')
  await submit(framed, 'count')
  await shows(framed, 'ada, 2')
  const kinds = (await visitor.cookies()).map(({ partitionKey }) => partitionKey)
  assert.deepEqual(new Set(kinds), new Set(['https://friend.test']))
  await tab.reload()
  await logIn(tab, 'grace')
  await shows(tab, 'grace, 2')
  await framed.reload()
  await shows(framed, 'ada, 2')
  await submit(framed, 'logout')
  await shows(framed, 'nobody, 2')
  await submit(tab, 'logout')
  await shows(tab, 'nobody, 2')
  assert.deepEqual(await visitor.cookies(), [])
})

test('a login that comes beside a partitioned one ends that one, and spoils no request', async t => {
  const { embed, deploy } = await sending(t)
  deploy(PARTITIONED)
  const framed = await embed('friend.test')
  await logIn(framed, 'ada')
  await shows(framed, 'ada, 0')
  deploy(UNPARTITIONED)
  await logIn(framed, 'grace')
  await shows(framed, 'grace, 0')
  const api = deploy(PARTITIONED)
  const handled = api.next('POST /count')
  await submit(framed, 'count')
  assert.ok((await handled).status < 400)
  await shows(framed, 'grace, 1')
})

test('a login beside a login of before takes its place', async t => {
  const { embed, deploy, visitor } = await sending(t)
  deploy(UNPARTITIONED)
  const framed = await embed('friend.test')
  await logIn(framed, 'grace')
  await shows(framed, 'grace, 0')
  deploy(PARTITIONED)
  await logIn(framed, 'ada')
  await shows(framed, 'ada, 0')
  await submit(framed, 'logout')
  await shows(framed, 'nobody, 0')
  assert.deepEqual(await visitor.cookies(), [])
})

test('who is logged in when cookiePartitioned is turned off again stays so, and logs in anew, and out', async t => {
  const { embed, deploy, visitor } = await sending(t)
  deploy(PARTITIONED)
  const framed = await embed('friend.test')
  await logIn(framed, 'ada')
  await shows(framed, 'ada, 0')
  deploy({ ...UNPARTITIONED, formerCookies: [{ partitioned: true }] })
  await submit(framed, 'count')
  await shows(framed, 'ada, 1')
  await logIn(framed, 'grace')
  await shows(framed, 'grace, 1')
  await submit(framed, 'logout')
  await shows(framed, 'nobody, 1')
  assert.deepEqual(await visitor.cookies(), [])
})
