import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { BrowserContext, Page, Request, Route } from 'playwright-core'
import { Program } from '../examples/programs.js'
import { bundleClient } from '../support/bundle.js'
import { freePort } from '../support/free-port.js'
import { blocksOf, projectFor, readPage } from '../support/markdown.js'
import { newTab, newVisitor } from './support/browser.js'
import { CREDENTIALS } from './support/page-app.js'
import { complaintsOf, logIn } from './support/screens.js'
import { serveSite } from './support/site.js'

const blocks = blocksOf(readPage('docs/client.md'))
const server = blocks.find(({ code }) => code.includes('.listen(8000'))?.code ?? ''
const page = blocks.find(({ language }) => language === 'html')?.code ?? ''

/** The server of docs/client.md runs, and visitors open its page. */
async function start(t: TestContext) {
  const folder = await projectFor(t)
  const port = await freePort()
  writeFileSync(join(folder, 'app.mjs'), server.replace('.listen(8000', `.listen(${port}`))
  writeFileSync(join(folder, 'page.html'), page)
  const program = new Program('./app.mjs', folder)
  t.after(() => program.end())
  const origin = `http://localhost:${port}`
  await program.until(() => fetch(origin))
  // The package is not installed here: its sources stand in for it.
  const body = await bundleClient()
  const newDevice = async () => {
    const visitor = await newVisitor(t)
    await visitor.route('**/client/index.js', route => route.fulfill({ contentType: 'text/javascript', body }))
    return { visitor, complaints: complaintsOf(visitor), open: () => newTab(visitor, origin) }
  }
  return { program, port, newDevice }
}

/** The second user of the page. */
const GRACE = { username: 'grace', password: 'hopper' }

const showsForm = (tab: Page) => tab.waitForSelector('#login:visible')
const showsPage = (tab: Page) => tab.waitForSelector('#page:visible')
const showsNote = (tab: Page, text: string) => tab.waitForSelector(`li:has-text("${text}")`)
const says = (tab: Page, text: string) => tab.waitForSelector(`#message:has-text("${text}")`)

async function add(tab: Page, text: string): Promise<void> {
  await tab.fill('[name=text]', text)
  await tab.click('text=Add')
}

const endAllSessions = (tab: Page) =>
  tab.evaluate(`import('koa-authx/client').then(({ AuthXClient }) =>
    new AuthXClient({ tokens: 'cookies' }).fetch('/sessions', { method: 'DELETE' }))`)

/** A login by another client, over the login that the browser has. */
const logInOver = (tab: Page, credentials: object) =>
  tab.evaluate(`import('koa-authx/client').then(({ AuthXClient }) =>
    new AuthXClient({ tokens: 'cookies' }).login(${JSON.stringify(credentials)}))`)

/** A login without a client, so that no tab is told. */
const postLogin = (tab: Page, credentials: object) =>
  tab.evaluate(
    `fetch('/login', { method: 'POST', body: new URLSearchParams(${JSON.stringify(credentials)}) }).then(({ ok }) => ok)`,
  )

const typed = (tab: Page) => tab.inputValue('[name=text]')
const notesIn = (tab: Page) => tab.locator('li').allTextContents()

function requestsOf(source: BrowserContext | Page): readonly string[] {
  const requests: string[] = []
  source.on('request', (request: Request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`))
  return requests
}

const clickTwice = (tab: Page, selector: string) =>
  tab.locator(selector).evaluate(button => {
    for (let n = 0; n < 2; n++) (button as HTMLElement).click()
  })

describe('the page of docs/client.md', () => {
  test('logs in, shows and changes the notes, and logs out, in both tabs', async t => {
    const { newDevice } = await start(t)
    const { complaints, open } = await newDevice()
    const [here, there] = [await open(), await open()]
    await showsForm(there)
    await logIn(here, { ...CREDENTIALS, password: 'byron' })
    await says(here, 'The credentials are wrong')
    await logIn(here)
    await showsNote(here, 'Buy milk')
    await showsNote(there, 'Buy milk')
    await add(there, 'Buy bread')
    await showsNote(there, 'Buy bread')
    await here.reload()
    await showsNote(here, 'Buy bread')
    await here.click('text=Log out')
    await showsForm(here)
    await showsForm(there)
    assert.equal(await there.locator('li').count(), 0)
    assert.deepEqual(complaints, [])
  })

  test('goes on in both tabs after the access token has expired', async t => {
    const { newDevice } = await start(t)
    const { visitor, open } = await newDevice()
    const [here, there] = [await open(), await open()]
    await logIn(here)
    await showsNote(there, 'Buy milk')
    for (const [tab, text] of [
      [here, 'Buy bread'],
      [there, 'Buy salt'],
    ] as const) {
      // As browsers do with expired cookies.
      await visitor.clearCookies({ name: 'access_token_cookie' })
      await add(tab, text)
      await showsNote(tab, text)
    }
  })

  test('shows the login form in both tabs, once, after a logout of all devices', async t => {
    const { newDevice } = await start(t)
    const other = await (await newDevice()).open()
    const { visitor, open } = await newDevice()
    const [here, there] = [await open(), await open()]
    await logIn(here)
    await showsNote(there, 'Buy milk')
    await logIn(other)
    await showsPage(other)
    await endAllSessions(other)

    const requests = requestsOf(visitor)
    await add(here, 'Buy bread')
    await says(here, 'Please log in again')
    await says(there, 'Please log in again')
    await Promise.all([showsForm(here), showsForm(there)])
    assert.deepEqual(requests, ['POST /notes', 'POST /refresh'])
    await here.reload()
    await showsForm(here)
    assert.deepEqual(requests.slice(2), ['GET /', 'GET /client/index.js'])
    await logIn(here)
    await showsNote(there, 'Buy milk')
  })

  test('keeps a text that was not saved when the login ended until the next login, and no text after a logout', async t => {
    const { newDevice } = await start(t)
    const other = await (await newDevice()).open()
    const { complaints, open } = await newDevice()
    const tab = await open()
    for (const each of [tab, other]) {
      await logIn(each)
      await showsNote(each, 'Buy milk')
    }
    await endAllSessions(other)
    await add(tab, 'Buy bread')
    await says(tab, 'Please log in again')
    await logIn(tab)
    await showsNote(tab, 'Buy milk')
    await tab.click('text=Add')
    await showsNote(tab, 'Buy bread')
    await tab.fill('[name=text]', 'a secret')
    await tab.click('text=Log out')
    await showsForm(tab)
    assert.equal(await typed(tab), '')
    assert.deepEqual(complaints, [])
  })

  test('never shows what a user has typed to the next user, and still has it when the same user is back', async t => {
    const { newDevice } = await start(t)
    const other = await (await newDevice()).open()
    const { complaints, open } = await newDevice()
    const [here, there] = [await open(), await open()]
    for (const tab of [other, here]) await logIn(tab)
    for (const tab of [other, here, there]) await showsNote(tab, 'Buy milk')

    await endAllSessions(other)
    await add(here, 'of Ada')
    await says(here, 'Please log in again')
    await logIn(there)
    await showsNote(here, 'Buy milk')
    assert.equal(await typed(here), 'of Ada')

    await other.reload()
    await logIn(other)
    await showsPage(other)
    await endAllSessions(other)
    await here.click('text=Add')
    await says(here, 'Please log in again')
    await logIn(here, GRACE)
    await showsNote(here, 'Call Ada')
    assert.equal(await typed(here), '')
    assert.deepEqual(await notesIn(here), ['Call Ada'])
    assert.deepEqual(complaints, [])
  })

  test('does the same, with one request, when a user logs in over a login in another tab', async t => {
    const { newDevice } = await start(t)
    const { complaints, open } = await newDevice()
    const [here, there] = [await open(), await open()]
    await logIn(here)
    await showsNote(here, 'Buy milk')
    await here.fill('[name=text]', 'of Ada')
    const requests = requestsOf(here)
    for (const [credentials, note, text] of [
      [CREDENTIALS, 'Buy milk', 'of Ada'],
      [GRACE, 'Call Ada', ''],
    ] as const) {
      const answered = here.waitForResponse('**/notes')
      await logInOver(there, credentials)
      await answered
      await showsNote(here, note)
      assert.equal(await typed(here), text)
    }
    assert.deepEqual(requests, ['GET /notes', 'GET /notes'])
    assert.deepEqual(complaints, [])
  })

  test('sends no text of the user before if it has not been told of the next user', async t => {
    const { newDevice } = await start(t)
    const { complaints, open } = await newDevice()
    const [here, there] = [await open(), await open()]
    await logIn(here)
    await showsNote(here, 'Buy milk')
    const requests = requestsOf(here)
    assert.equal(await postLogin(there, GRACE), true)
    await add(here, 'of Ada')
    await showsNote(here, 'Call Ada')
    assert.equal(await typed(here), '')
    assert.deepEqual(requests, ['GET /notes'])
    assert.deepEqual(complaints, [])
  })

  test('shows nothing before it knows who the user is, and no notes of the user before that arrive late', async t => {
    const { newDevice } = await start(t)
    const { complaints, open } = await newDevice()
    const [here, there] = [await open(), await open()]
    const arrived = new EventEmitter()
    const [asked, released, handled] = ['asked', 'released', 'handled'].map(name => once(arrived, name))
    await here.route(
      '**/notes',
      async route => {
        const response = await route.fetch()
        arrived.emit('asked')
        await released
        await route.fulfill({ response })
        arrived.emit('handled')
      },
      { times: 1 },
    )
    await logIn(here)
    await asked
    await here.waitForSelector('#logout:visible')
    assert.equal(await here.isVisible('#page'), false)
    await logInOver(there, GRACE)
    await showsNote(here, 'Call Ada')
    await here.fill('[name=text]', 'of Grace')
    arrived.emit('released')
    await handled
    // Its answer comes after the late one.
    await here.click('text=Add')
    await showsNote(here, 'of Grace')
    assert.deepEqual(await notesIn(here), ['Call Ada', 'of Grace'])
    assert.deepEqual(complaints, [])
  })

  test('logs in once and adds one note for a double click, and shows no error for one on the logout', async t => {
    const { newDevice } = await start(t)
    const { visitor, open } = await newDevice()
    const tab = await open()
    const requests = requestsOf(visitor)
    await tab.fill('[name=username]', CREDENTIALS.username)
    await tab.fill('[name=password]', CREDENTIALS.password)
    await clickTwice(tab, '#login button')
    await showsNote(tab, 'Buy milk')
    await tab.fill('[name=text]', 'Buy bread')
    await clickTwice(tab, '#add button')
    await showsNote(tab, 'Buy bread')
    assert.deepEqual(requests, ['POST /login', 'GET /notes', 'POST /notes'])
    const said = await tab.evaluateHandle(() => {
      const texts: (string | null)[] = []
      const message = document.querySelector('#message') as HTMLElement
      new MutationObserver(() => texts.push(message.textContent)).observe(message, { childList: true })
      return texts
    })
    await clickTwice(tab, '#logout')
    await showsForm(tab)
    // Waits for its turn, after both logouts.
    await logIn(tab)
    await showsPage(tab)
    assert.deepEqual(
      (await said.jsonValue()).filter(text => text !== ''),
      [],
    )
  })

  test('says that the server is away, and goes on when something answers again', async t => {
    const { newDevice, port, program } = await start(t)
    const tab = await (await newDevice()).open()
    await logIn(tab)
    await showsNote(tab, 'Buy milk')
    await program.end()
    await add(tab, 'Buy bread')
    await says(tab, 'The server cannot be reached')
    await tab.click('text=Log out')
    await says(tab, 'The server cannot be reached')
    await showsPage(tab)
    await serveSite(
      t,
      (_, response) =>
        void response.setHeader('Content-Type', 'application/json').end('{"user":"ada","notes":["Back"]}'),
      { port },
    )
    await add(tab, 'Buy bread')
    await showsNote(tab, 'Back')
    assert.equal(await tab.textContent('#message'), '')
  })

  test('says so too if something before the server answers for it, as gateways and development servers do', async t => {
    const { newDevice, port, program } = await start(t)
    const { open } = await newDevice()
    const [here, form] = [await open(), await (await newDevice()).open()]
    await logIn(here)
    await showsNote(here, 'Buy milk')
    await program.end()
    await serveSite(
      t,
      (_, response) => void response.writeHead(502, { 'Content-Type': 'text/plain' }).end('Bad Gateway'),
      { port },
    )
    await add(here, 'Buy bread')
    await says(here, 'The server cannot be reached')
    await logIn(form)
    await says(form, 'The server cannot be reached')
    await here.evaluate(`document.querySelector('#message').textContent = ''`)
    await here.click('text=Log out')
    await says(here, 'The server cannot be reached')
    assert.equal(await typed(here), 'Buy bread')
    await showsPage(here)
  })

  test('shows the notes, and what the user has typed, once the server is back, also if it was away at the login', async t => {
    const { newDevice } = await start(t)
    const { open } = await newDevice()
    const tab = await open()
    const fail = (route: Route) => route.fulfill({ status: 502, body: 'Bad Gateway' })
    await tab.route('**/notes', fail, { times: 1 })
    await logIn(tab)
    await says(tab, 'The server cannot be reached')
    await tab.click('#retry')
    await showsNote(tab, 'Buy milk')
    await tab.fill('[name=text]', 'Buy bread')
    await tab.route('**/notes', fail, { times: 1 })
    await tab.click('text=Add')
    await says(tab, 'The server cannot be reached')
    await tab.click('#retry')
    await tab.waitForSelector('#retry', { state: 'hidden' })
    await showsPage(tab)
    assert.equal(await typed(tab), 'Buy bread')
  })

  test('keeps no password that was typed and not sent, once somebody has logged in elsewhere', async t => {
    const { newDevice } = await start(t)
    const { open } = await newDevice()
    const [here, other] = [await open(), await open()]
    await here.fill('[name=username]', CREDENTIALS.username)
    await here.fill('[name=password]', CREDENTIALS.password)
    await logIn(other)
    await showsPage(here)
    await other.click('text=Log out')
    await showsForm(here)
    assert.equal(await here.inputValue('[name=password]'), '')
  })
})
