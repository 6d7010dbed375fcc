import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import type { BrowserContext, Page, Route } from 'playwright-core'
import { until } from '../support/until.js'
import { newTab, newVisitor } from './support/browser.js'
import { type Framework, type NotesAppOptions, notesApp } from './support/notes-app.js'
import { CREDENTIALS, OTHERS } from './support/page-app.js'
import { complaintsOf, logIn, WATCH_SCREENS } from './support/screens.js'
import { serveSite } from './support/site.js'

interface Visit {
  readonly api: Awaited<ReturnType<typeof notesApp>>
  readonly site: Awaited<ReturnType<typeof serveSite>>
  readonly visitor: BrowserContext
  readonly complaints: readonly string[]
  open(): Promise<Page>
}

async function visit(t: TestContext, framework: Framework, options: NotesAppOptions = {}): Promise<Visit> {
  const api = await notesApp(framework, options)
  const site = await serveSite(t, api.listener)
  const visitor = await newVisitor(t)
  await visitor.addInitScript(WATCH_SCREENS)
  const complaints = complaintsOf(visitor)
  return { api, site, visitor, complaints, open: () => newTab(visitor, `${site.origin}/notes-app`) }
}

async function add(tab: Page, text: string): Promise<void> {
  await tab.fill('[name=text]', text)
  await tab.click('text=Add')
}

const shows = (tab: Page, screen: string) => tab.waitForSelector(`[data-screen=${screen}]`)
const showsNote = (tab: Page, text: string) => tab.waitForSelector(`li:has-text("${text}")`)
const says = (tab: Page, text: string) => tab.waitForSelector(`[role=alert]:has-text("${text}")`)
const notesOf = (tab: Page) => tab.locator('li').allTextContents()
const screensOf = (tab: Page) => tab.evaluate(() => screens)

/** No answer of the API goes out until this is called. */
function holdAnswers(api: Visit['api']): () => void {
  const gate = new EventEmitter()
  const opened = once(gate, 'open')
  api.beforeAnswer = async () => {
    await opened
    return undefined
  }
  return () => gate.emit('open')
}

for (const framework of ['react', 'vue', 'svelte'] as const) {
  describe(`the recipe for ${framework}`, () => {
    test('shows the form, then the notes, and after a reload the notes at once', async t => {
      const { api, open, complaints } = await visit(t, framework)
      const tab = await open()
      await shows(tab, 'login')
      await logIn(tab)
      await shows(tab, 'notes')
      await add(tab, 'Buy milk')
      await showsNote(tab, 'Buy milk')
      assert.equal(api.reads(), 1)
      await tab.reload()
      await showsNote(tab, 'Buy milk')
      assert.deepEqual(await screensOf(tab), ['notes'])
      assert.deepEqual(complaints, [])
    })

    test('shows the notes at once after a reload too if the access token is in memory', async t => {
      const { open, complaints } = await visit(t, framework, { client: { tokens: 'dual' } })
      const tab = await open()
      await logIn(tab)
      await add(tab, 'Buy milk')
      await showsNote(tab, 'Buy milk')
      await tab.reload()
      await showsNote(tab, 'Buy milk')
      assert.deepEqual(await screensOf(tab), ['notes'])
      assert.deepEqual(complaints, [])
    })

    test('says why a login fails, and lets the user try again', async t => {
      const { open, complaints } = await visit(t, framework)
      const tab = await open()
      await logIn(tab, { ...CREDENTIALS, password: 'wrong' })
      await says(tab, 'The credentials are wrong')
      await logIn(tab)
      await shows(tab, 'notes')
      assert.deepEqual(await screensOf(tab), ['login', 'notes'])
      assert.deepEqual(complaints, [])
    })

    test('logs in once and adds one note for a double click', async t => {
      const { visitor, api, open, complaints } = await visit(t, framework)
      const tab = await open()
      const posts: string[] = []
      visitor.on('request', request => {
        if (request.method() === 'POST') posts.push(new URL(request.url()).pathname)
      })
      await tab.fill('[name=username]', CREDENTIALS.username)
      await tab.fill('[name=password]', CREDENTIALS.password)
      const answer = holdAnswers(api)
      await tab.dblclick('text=Log in')
      answer()
      await shows(tab, 'notes')
      const gate = new EventEmitter()
      const opened = once(gate, 'open')
      await tab.route('**/notes', async route => {
        if (route.request().method() === 'POST') await opened
        await route.fallback()
      })
      await tab.fill('[name=text]', 'Buy milk')
      await tab.dblclick('text=Add')
      gate.emit('open')
      await showsNote(tab, 'Buy milk')
      await tab.reload()
      await showsNote(tab, 'Buy milk')
      assert.deepEqual(posts, ['/login', '/notes'])
      assert.deepEqual(complaints, [])
    })

    test('shows neither the form nor the notes before it knows which', async t => {
      const unreadable = { csrfCheck: 'origin', csrfInCookies: false } as const
      const options = { ...unreadable, client: { tokens: 'cookies', csrf: 'origin' } } as const
      const { api, open, complaints } = await visit(t, framework, options)
      const tab = await open()
      await logIn(tab)
      await shows(tab, 'notes')
      for (const [isLoggedIn, screens] of [
        [true, ['loading', 'notes']],
        [false, ['loading', 'login']],
      ] as const) {
        if (!isLoggedIn) await api.authx.revokeAllSessions(CREDENTIALS.username)
        const answer = holdAnswers(api)
        await tab.reload()
        await shows(tab, 'loading')
        answer()
        await shows(tab, screens[1])
        assert.deepEqual(await screensOf(tab), screens)
      }
      assert.deepEqual(complaints, [])
    })

    test('shows a logout in all tabs at once, and a login too', async t => {
      const { open, complaints } = await visit(t, framework)
      const [one, other] = [await open(), await open()]
      await logIn(one)
      await Promise.all([shows(one, 'notes'), shows(other, 'notes')])
      await other.click('text=Log out')
      await Promise.all([shows(one, 'login'), shows(other, 'login')])
      assert.deepEqual(await screensOf(one), ['login', 'notes', 'login'])
      assert.deepEqual(complaints, [])
    })

    test('shows the notes of the user who is logged in, and of nobody else', async t => {
      const { open, complaints } = await visit(t, framework)
      const [one, other] = [await open(), await open()]
      await logIn(one)
      await shows(other, 'notes')
      await add(one, 'of Ada')
      await showsNote(one, 'of Ada')
      await other.click('text=Log out')
      await shows(other, 'login')
      await logIn(other, OTHERS)
      await add(other, 'of Grace')
      await showsNote(other, 'of Grace')
      await shows(one, 'notes')
      await one.reload()
      await showsNote(one, 'of Grace')
      assert.deepEqual(await notesOf(one), ['of Grace'])
      assert.deepEqual(complaints, [])
    })

    test('shows other notes as soon as another user logs in over a login in another tab', async t => {
      const { open, complaints, site } = await visit(t, framework)
      const one = await open()
      await logIn(one)
      await add(one, 'of Ada')
      await showsNote(one, 'of Ada')
      // A page with a form of its own, which does not log out first.
      const other = await newTab(one.context(), site.origin)
      await other.evaluate(credentials => client.login(credentials), OTHERS)
      await until(async () => (await notesOf(one)).length === 0)
      await add(one, 'of Grace')
      await showsNote(one, 'of Grace')
      assert.deepEqual(await notesOf(one), ['of Grace'])
      assert.deepEqual(complaints, [])
    })

    test('shows the form, with a reason, after the login was ended everywhere, and does not reload', async t => {
      const { api, open, complaints } = await visit(t, framework)
      const tab = await open()
      await logIn(tab)
      await shows(tab, 'notes')
      await api.authx.revokeAllSessions(CREDENTIALS.username)
      await add(tab, 'too late')
      await tab.waitForSelector('text=Your session has ended.')
      assert.deepEqual(await screensOf(tab), ['login', 'notes', 'login'])
      api.clock.advance('1s')
      await logIn(tab)
      await shows(tab, 'notes')
      assert.deepEqual(complaints, [])
    })

    test('says that the server is away, in the form and on the page, if something before it answers for it', async t => {
      const { open, complaints } = await visit(t, framework)
      const tab = await open()
      const away = (route: Route) => route.fulfill({ status: 502, contentType: 'text/plain', body: 'Bad Gateway' })
      await tab.route('**/login', away, { times: 1 })
      await logIn(tab)
      await says(tab, 'The server cannot be reached')
      await logIn(tab)
      await shows(tab, 'notes')
      await tab.route('**/notes', away)
      await add(tab, 'too early')
      await says(tab, 'The server cannot be reached')
      assert.deepEqual(await screensOf(tab), ['login', 'notes'])
      assert.deepEqual(complaints, [])
    })

    test('keeps the notes while the server is away, says so, and goes on when it is back', async t => {
      const { api, site, open, complaints } = await visit(t, framework)
      const tab = await open()
      await logIn(tab)
      await add(tab, 'before')
      await showsNote(tab, 'before')
      api.clock.advance('16m')
      await site.close()
      await add(tab, 'meanwhile')
      await says(tab, 'The server cannot be reached')
      assert.deepEqual(await notesOf(tab), ['before'])
      await serveSite(t, api.listener, { port: site.port })
      await add(tab, 'after')
      await showsNote(tab, 'after')
      assert.deepEqual(await screensOf(tab), ['login', 'notes'])
      assert.deepEqual(complaints, [])
    })
  })
}
