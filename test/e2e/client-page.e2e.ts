import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
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

    const requests: string[] = []
    visitor.on('request', request => requests.push(`${request.method()} ${new URL(request.url()).pathname}`))
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
    assert.equal(await tab.inputValue('[name=text]'), '')
    assert.deepEqual(complaints, [])
  })

  test('logs in once and adds one note for a double click, and shows no error for one on the logout', async t => {
    const { newDevice } = await start(t)
    const { visitor, open } = await newDevice()
    const tab = await open()
    const requests: string[] = []
    visitor.on('request', request => requests.push(`${request.method()} ${new URL(request.url()).pathname}`))
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
    await serveSite(t, (_, response) => void response.setHeader('Content-Type', 'application/json').end('["Back"]'), {
      port,
    })
    await add(tab, 'Buy bread')
    await showsNote(tab, 'Back')
    assert.equal(await tab.textContent('#message'), '')
  })
})
