import type { BrowserContext, Page } from 'playwright-core'
import { CREDENTIALS } from './page-app.js'

declare global {
  /** Every screen that was shown, in turn. */
  var screens: string[]
}

/** Notes each screen as soon as it is in the document. A text: what compiles these tests adds to functions. */
export const WATCH_SCREENS = `
  window.screens = []
  new MutationObserver(() => {
    const screen = document.querySelector('[data-screen]')?.dataset.screen
    if (screen && screen !== screens.at(-1)) screens.push(screen)
  }).observe(document, { childList: true, subtree: true, attributes: true })
`

/** Fills in the login form of a recipe. */
export async function logIn(tab: Page, { username, password } = CREDENTIALS): Promise<void> {
  await tab.fill('[name=username]', username)
  await tab.fill('[name=password]', password)
  await tab.click('button')
}

/** What the pages of a visitor print as warnings and errors, and what they throw. Answers that fail are not in it. */
export function complaintsOf(visitor: BrowserContext): readonly string[] {
  const complaints: string[] = []
  visitor.on('console', message => {
    const isComplaint = message.type() === 'error' || message.type() === 'warning'
    if (isComplaint && !message.text().startsWith('Failed to load resource')) complaints.push(message.text())
  })
  visitor.on('weberror', error => complaints.push(String(error.error())))
  return complaints
}
