import type { TestContext } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { newVisitor, newVisitorWithThirdPartyCookies } from './browser.js'
import { newFirefoxVisitor } from './firefox.js'

/** A tab of any browser. Functions run in the page; their argument and result are JSON. */
export interface Tab {
  goto(url: string): Promise<unknown>
  reload(): Promise<unknown>
  evaluate<A, R>(run: (argument: A) => R | Promise<R>, argument?: A): Promise<R>
  /** The only frame in the page of the tab. */
  frame(): Promise<Pick<Tab, 'evaluate'>>
  /** Runs a function that leads to another page, and waits until this page is loaded. */
  follow<A>(run: (argument: A) => void, argument: A): Promise<void>
  /**
   * Lets the page run no further: a `confirm()` is open, or (Chromium only) it is at a breakpoint. Resolves to a function
   * that lets it run again.
   */
  stop(how: 'dialog' | 'breakpoint'): Promise<() => Promise<void>>
  /** Goes back in the history, by the back button. */
  back(): Promise<unknown>
  close(): Promise<unknown>
}

/** A visitor: cookies of its own. Several tabs of one visitor share them. */
export interface Visitor {
  /** `script` runs in the tab before the scripts of each page. */
  newTab(url: string, script?: string): Promise<Tab>
  /** The cookies, those with `HttpOnly` too: values by name. */
  cookies(): Promise<Readonly<Record<string, string>>>
}

/** Names that the browsers of the tests look up as 127.0.0.1. `app.test`, `friend.test` and `evil.test` are sites. */
export const HOSTS = ['www.app.test', 'web.app.test', 'evil.app.test', 'friend.test', 'evil.test'] as const

/** Flags of Chromium for `HOSTS`, with any certificate. */
export const HOST_FLAGS = [
  `--host-resolver-rules=${HOSTS.map(host => `MAP ${host} 127.0.0.1`).join(',')}`,
  '--ignore-certificate-errors',
]

/** A script that opens a dialog, and does not wait until it is closed. */
export const OPEN_DIALOG = "void setTimeout(() => confirm('Go on?'))"

/** Makes a visitor of each browser that sends `SameSite=None` cookies along when a page of another site asks. */
export const BROWSERS: Readonly<Record<string, (t: TestContext) => Promise<Visitor>>> = {
  Chromium: newChromiumVisitor,
  Firefox: t => newFirefoxVisitor(t, HOSTS),
}

/** Makes a visitor of each browser. All visitors of a test file share one program for each browser. */
export const VISITORS: Readonly<Record<string, (t: TestContext) => Promise<Visitor>>> = {
  Chromium: async t => visitorOf(await newVisitor(t)),
  Firefox: t => newFirefoxVisitor(t, HOSTS),
}

/** Makes a visitor of a browser that `VISITORS` has. */
export async function visit(t: TestContext, browser: string): Promise<Visitor> {
  const newVisitorOf = VISITORS[browser]
  if (!newVisitorOf) throw new Error(`No browser ${browser}`)
  return newVisitorOf(t)
}

async function newChromiumVisitor(t: TestContext): Promise<Visitor> {
  return visitorOf(await newVisitorWithThirdPartyCookies(t, HOST_FLAGS))
}

export const visitorOf = (context: BrowserContext): Visitor => ({
  async newTab(url, script) {
    const page = await context.newPage()
    if (script) await page.addInitScript(script)
    await page.goto(url)
    return tabOf(page)
  },
  async cookies() {
    const cookies = await context.cookies()
    return Object.fromEntries(cookies.map(({ name, value }) => [name, value]))
  },
})

export const tabOf = (page: Page): Tab => ({
  goto: url => page.goto(url),
  reload: () => page.reload(),
  evaluate: (run, argument) => page.evaluate(run as (argument: unknown) => never, argument as unknown),
  async frame() {
    const [, frame] = page.frames()
    if (!frame) throw new Error('The page has no frame')
    return { evaluate: (run, argument) => frame.evaluate(run as (argument: unknown) => never, argument as unknown) }
  },
  async follow(run, argument) {
    await Promise.all([
      page.waitForEvent('load'),
      page.evaluate(run as (argument: unknown) => void, argument as unknown),
    ])
  },
  stop: how => (how === 'dialog' ? openDialog(page) : pause(page)),
  back: () => page.goBack({ waitUntil: 'commit' }),
  close: () => page.close(),
})

async function openDialog(page: Page): Promise<() => Promise<void>> {
  // With a listener, Playwright leaves the dialog open.
  const opened = page.waitForEvent('dialog')
  await page.evaluate(OPEN_DIALOG)
  const dialog = await opened
  return () => dialog.accept()
}

async function pause(page: Page): Promise<() => Promise<void>> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Debugger.enable')
  const paused = new Promise(resolve => devtools.once('Debugger.paused', resolve))
  await page.evaluate('void setTimeout(() => { debugger })')
  await paused
  return async () => {
    await devtools.send('Debugger.resume')
    await devtools.detach()
  }
}
