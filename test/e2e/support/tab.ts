import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { newVisitorWithThirdPartyCookies } from './browser.js'
import { newFirefoxVisitor } from './firefox.js'

/** A tab of any browser. Functions run in the page; their argument and result are JSON. */
export interface Tab {
  goto(url: string): Promise<unknown>
  evaluate<A, R>(run: (argument: A) => R | Promise<R>, argument: A): Promise<R>
  /** Runs a function that leads to another page, and waits until this page is loaded. */
  follow<A>(run: (argument: A) => void, argument: A): Promise<void>
}

/** A visitor: cookies of its own. Several tabs of one visitor share them. */
export interface Visitor {
  newTab(url: string): Promise<Tab>
}

/** Names that the browsers of the tests look up as 127.0.0.1. `app.test`, `friend.test` and `evil.test` are sites. */
export const HOSTS = ['www.app.test', 'web.app.test', 'evil.app.test', 'friend.test', 'evil.test'] as const

/** Flags of Chromium for `HOSTS`, with any certificate. */
export const HOST_FLAGS = [
  `--host-resolver-rules=${HOSTS.map(host => `MAP ${host} 127.0.0.1`).join(',')}`,
  '--ignore-certificate-errors',
]

/** Makes a visitor of each browser that sends `SameSite=None` cookies along when a page of another site asks. */
export const BROWSERS: Readonly<Record<string, (t: TestContext) => Promise<Visitor>>> = {
  Chromium: newChromiumVisitor,
  Firefox: t => newFirefoxVisitor(t, HOSTS),
}

async function newChromiumVisitor(t: TestContext): Promise<Visitor> {
  const context = await newVisitorWithThirdPartyCookies(t, HOST_FLAGS)
  return {
    async newTab(url) {
      const page = await context.newPage()
      await page.goto(url)
      return tabOf(page)
    },
  }
}

const tabOf = (page: Page): Tab => ({
  goto: url => page.goto(url),
  evaluate: (run, argument) => page.evaluate(run as (argument: unknown) => never, argument as unknown),
  async follow(run, argument) {
    await Promise.all([
      page.waitForEvent('load'),
      page.evaluate(run as (argument: unknown) => void, argument as unknown),
    ])
  },
})
