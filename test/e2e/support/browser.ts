import { after, type TestContext } from 'node:test'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { findChromium } from './chromium-binary.js'

let launched: Promise<Browser> | undefined

after(async () => (await launched)?.close())

/** The browser of this test file: started when first asked for, closed after the last test. */
export function browser(): Promise<Browser> {
  launched ??= chromium.launch({ executablePath: chromiumPath(), headless: true, args: ['--no-sandbox'] })
  return launched
}

function chromiumPath(): string {
  const found = findChromium()
  if (!found) throw new Error('No Chromium on the PATH; run npm run test:e2e, or name one in CHROMIUM')
  return found
}

/** A visitor: cookies and storage of its own, as in a fresh profile. Self-signed certificates will do. */
export async function newVisitor(t: TestContext, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const visitor = await (await browser()).newContext({ ignoreHTTPSErrors: true, ...options })
  visitor.setDefaultTimeout(10_000)
  t.after(() => visitor.close())
  return visitor
}

/** A tab of a visitor's, at `url`; several of one visitor share their cookies. */
export async function newTab(visitor: BrowserContext, url: string): Promise<Page> {
  const tab = await visitor.newPage()
  await tab.goto(url)
  return tab
}
