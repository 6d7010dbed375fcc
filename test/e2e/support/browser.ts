import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { temporaryFolder } from '../../support/temporary.js'
import { findChromium } from './chromium-binary.js'

/** How long a test waits for what happens at once in a page, unless the machine is busy. */
const PATIENCE_MS = 60_000

let launched: Promise<Browser> | undefined

after(async () => (await launched)?.close())

/** The browser of this test file: started when first asked for, closed after the last test. */
export function browser(): Promise<Browser> {
  launched ??= chromium.launch(launchOptions())
  return launched
}

const launchOptions = (args: readonly string[] = []) => ({
  executablePath: chromiumPath(),
  headless: true,
  args: ['--no-sandbox', ...args],
})

function chromiumPath(): string {
  const found = findChromium()
  if (!found) throw new Error('No Chromium on the PATH; run npm run test:e2e, or name one in CHROMIUM')
  return found
}

/** A visitor: cookies and storage of its own, as in a fresh profile. Self-signed certificates will do. */
export async function newVisitor(t: TestContext, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const visitor = await (await browser()).newContext({ ignoreHTTPSErrors: true, ...options })
  visitor.setDefaultTimeout(PATIENCE_MS)
  t.after(() => visitor.close())
  return visitor
}

/** A visitor whose browser keeps pages for the back button in memory, as browsers do that no program controls. */
export async function newVisitorWithPageCache(
  t: TestContext,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const own = await chromium.launch({ ...launchOptions(), ignoreDefaultArgs: ['--disable-back-forward-cache'] })
  t.after(() => own.close())
  const visitor = await own.newContext(options)
  visitor.setDefaultTimeout(PATIENCE_MS)
  return visitor
}

/**
 * A visitor whose browser sends `SameSite=None` cookies along when a page of another site asks for something. Some
 * builds of Chromium do not by default, and profiles that keep nothing do not either. `args` are further flags of it.
 */
export const newVisitorWithThirdPartyCookies = (t: TestContext, args?: readonly string[]): Promise<BrowserContext> =>
  newProfile(t, { cookie_controls_mode: 0, block_third_party_cookies: false }, args)

/** A visitor whose browser keeps no cookies of sites in frames of other sites, unless they are `Partitioned`. */
export const newVisitorWithoutThirdPartyCookies = (t: TestContext, args?: readonly string[]): Promise<BrowserContext> =>
  newProfile(t, { cookie_controls_mode: 1, block_third_party_cookies: true }, args)

/** A browser of its own, with settings of the profile. */
async function newProfile(t: TestContext, profile: object, args: readonly string[] = []): Promise<BrowserContext> {
  const { folder, remove } = await temporaryFolder()
  await mkdir(join(folder, 'Default'))
  await writeFile(join(folder, 'Default/Preferences'), JSON.stringify({ profile }))
  const visitor = await chromium.launchPersistentContext(folder, { ...launchOptions(args), ignoreHTTPSErrors: true })
  visitor.setDefaultTimeout(PATIENCE_MS)
  t.after(async () => {
    await visitor.close()
    await remove()
  })
  return visitor
}

/** A tab of a visitor's, at `url`; several of one visitor share their cookies. */
export async function newTab(visitor: BrowserContext, url: string): Promise<Page> {
  const tab = await visitor.newPage()
  await tab.goto(url)
  return tab
}
