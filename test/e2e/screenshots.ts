/** Takes the pictures of the demo that the README shows: `npm run screenshots`. They go to docs/images/. */
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createApp } from '../../examples/app.js'
import { demoRouter } from '../../examples/demo/routes.js'
import { AuthX } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { TEST_SECRET } from '../support/app.js'
import { findChromium, installChromium } from './support/chromium-binary.js'

const FOLDER = join(import.meta.dirname, '../../docs/images')

const DESKTOP = { width: 1200, height: 700 }
const PHONE = { width: 390, height: 844 }

let ahead = 0
const options = { secretKey: TEST_SECRET, store: new MemoryTokenStore(), now: () => Date.now() + ahead }
const server = createApp(new AuthX(options))
  .use(demoRouter(options, { where: 'in memory' }).routes())
  .listen(0, '127.0.0.1')
const browser = await chromium.launch({
  executablePath: findChromium() ?? installChromium(),
  args: ['--no-sandbox'],
})

try {
  await take('demo-cookies', await tab(browser, 'cookies', DESKTOP, 'light'), inside)
  await take('demo-cookies-phone', await tab(browser, 'cookies', PHONE, 'light'), afterReuse)
  await take('demo-dual', await tab(browser, 'dual', DESKTOP, 'dark'), afterReuse)
  await take('demo-dual-phone', await tab(browser, 'dual', PHONE, 'dark'), inside)
} finally {
  await browser.close()
  server.close()
}

async function tab(
  browser: Browser,
  mode: string,
  viewport: typeof PHONE,
  colorScheme: 'light' | 'dark',
): Promise<Page> {
  const page = await (await browser.newContext({ viewport, colorScheme, locale: 'en-GB' })).newPage()
  const { port } = server.address() as { port: number }
  await page.goto(`http://localhost:${port}/?tokens=${mode}`)
  return page
}

async function take(name: string, page: Page, play: (page: Page) => Promise<void>): Promise<void> {
  await play(page)
  await page.mouse.move(0, 0)
  await page.evaluate(() => scrollTo(0, 0))
  await page.screenshot({ path: join(FOLDER, `${name}.png`) })
}

async function press(page: Page, button: string, says: string): Promise<void> {
  await page.getByRole('button', { name: button, exact: true }).click()
  await page.getByRole('log').getByText(says).first().waitFor()
}

async function inside(page: Page): Promise<void> {
  await press(page, 'Log in', 'You logged in.')
  await page.getByText('this one', { exact: true }).waitFor()
  await press(page, 'Call it', 'you have access')
  await press(page, 'Refresh', 'The page exchanged')
  // Some of its life has gone by.
  await page.getByRole('timer').filter({ hasText: '0:57' }).waitFor()
}

async function afterReuse(page: Page): Promise<void> {
  await press(page, 'Log in', 'You logged in.')
  await press(page, 'Let the thief copy it', 'The thief has a copy')
  await press(page, 'Refresh twice', 'The page has refreshed twice')
  ahead += 5000
  await press(page, 'Let the thief use the copy', 'the session has ended')
}
