import type { TestContext } from 'node:test'
import { AuthX, type TokenStore } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import type { BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { createApp } from '../../../examples/app.js'
import { clientModule } from '../../../examples/demo/client-modules.js'
import type { Mode } from '../../../examples/demo/instances.js'
import { demoRouter } from '../../../examples/demo/routes.js'
import { TEST_SECRET } from '../../support/app.js'
import { newTab, newVisitor } from './browser.js'
import { serveSite } from './site.js'

/** What its sessions go through, in turn. */
const EVENTS = ['refreshed', 'replayed', 'recovered', 'reuse'] as const

/** The demo as `npm start` serves it, with a clock that can be put forward. */
export async function demo(t: TestContext, { store = new MemoryTokenStore(), where = 'in memory' }: Kept = {}) {
  // It compiles the client for browsers, which no page has to wait for then.
  await clientModule('index.js')
  let ahead = 0
  const events: string[] = []
  const watch = (authx: AuthX) => {
    for (const name of EVENTS) authx.on(name, () => events.push(name))
  }
  const options = { secretKey: TEST_SECRET, store, now: () => Date.now() + ahead }
  const app = createApp(new AuthX(options)).use(demoRouter(options, { where, watch }).routes())
  const { origin, at } = await serveSite(t, app.callback())
  const pass = (milliseconds: number) => {
    ahead += milliseconds
  }
  const visitor = (more?: BrowserContextOptions) => newVisitor(t, more)
  return { origin, at, pass, visitor, events: events as readonly string[] }
}

interface Kept {
  store?: TokenStore
  where?: string
}

/** A tab with the demo: what a person does and sees there. */
export class Demo {
  readonly problems: string[] = []

  private constructor(readonly page: Page) {
    page.on('pageerror', error => this.problems.push(String(error)))
    // Chromium also tells of every answer that is no success, or is lost: those the demo is about.
    page.on('console', message => {
      if (message.type() === 'error' && !/status of 4(0[013]|29)|ERR_EMPTY_RESPONSE/.test(message.text()))
        this.problems.push(message.text())
    })
  }

  static async open(visitor: BrowserContext, origin: string, mode: Mode): Promise<Demo> {
    const tab = new Demo(await newTab(visitor, 'about:blank'))
    await tab.page.goto(`${origin}/?tokens=${mode}`)
    return tab
  }

  static async loggedIn(visitor: BrowserContext, origin: string, mode: Mode): Promise<Demo> {
    const tab = await Demo.open(visitor, origin, mode)
    await tab.press('Log in')
    await tab.isInside()
    return tab
  }

  /** Moves the focus with Tab until it is on this button. */
  async tabTo(button: string): Promise<void> {
    const wanted = this.page.getByRole('button', { name: button, exact: true })
    for (let presses = 0; presses < 40; presses++) {
      await this.page.keyboard.press('Tab')
      if (await wanted.evaluate(element => element === document.activeElement)) return
    }
    throw new Error(`${button} cannot be reached`)
  }

  /** The style of the frame around what has the focus: `none` or `solid`. */
  focusFrame(): Promise<string> {
    return this.page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle)
  }

  press(button: string): Promise<void> {
    return this.page.getByRole('button', { name: button, exact: true }).click()
  }

  /** Lets the thief copy the refresh token, and use the copy when it is used up. */
  async robbed(pass: (milliseconds: number) => void): Promise<void> {
    await this.press('Let the thief copy it')
    await this.says('The thief has a copy')
    await this.press('Refresh twice')
    await this.says('The page has refreshed twice.')
    pass(5000)
    await this.press('Let the thief use the copy')
    await this.isOutside()
  }

  /** Waits until the newest line of the log says this. */
  says(text: string): Promise<void> {
    return this.page.getByRole('log').getByRole('listitem').first().filter({ hasText: text }).waitFor()
  }

  /** Waits until some line of the log says this. */
  hasSaid(text: string): Promise<void> {
    return this.page.getByRole('log').getByText(text).first().waitFor()
  }

  async isInside(): Promise<void> {
    await this.page.getByText('Logged in as test').waitFor()
    await this.page.getByText('this one', { exact: true }).waitFor()
  }

  async isOutside(): Promise<void> {
    await this.page.getByText('Logged out', { exact: true }).waitFor()
    await this.page.getByRole('button', { name: 'Log in' }).waitFor()
  }

  /** What stands beside the name of a claim. */
  claim(name: string): Promise<string> {
    return textOf(this.page.locator('dt', { hasText: new RegExp(`^${name}$`) }).locator('+ dd'))
  }

  /** Waits until this stands beside the name of a claim. */
  claimIs(name: string, text: string): Promise<void> {
    return this.page.locator(`dt:text-is("${name}") + dd`).filter({ hasText: text }).waitFor()
  }

  /** Gives the code that the page shows in place of an authenticator app. */
  async giveCode(): Promise<void> {
    await this.press('Show the code')
    await this.says('The authenticator app shows a code.')
    await this.sendCode(await textOf(this.page.locator('output')))
  }

  async sendCode(code: string): Promise<void> {
    await this.page.getByLabel('Code', { exact: true }).fill(code)
    await this.press('Give the code')
  }

  sessions() {
    return this.page.getByRole('list').filter({ hasText: 'this one' }).getByRole('listitem')
  }

  /** Whether one would have to scroll to the side. */
  isTooWide(): Promise<boolean> {
    return this.page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
  }
}

export const textOf = async (locator: Locator) => String(await locator.textContent())
