import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import type { AxeResults } from 'axe-core'
import { MODES } from '../../examples/demo/instances.js'
import { Demo, demo } from './support/demo-tab.js'

declare global {
  /** The script of axe-core. */
  var axe: { run(options: object): Promise<AxeResults> }
}

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** All rules in the light; in the dark those about colours, because nothing else is different there. */
const RULES = {
  light: { resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } },
  dark: { resultTypes: ['violations'], runOnly: ['color-contrast', 'link-in-text-block'] },
}
const WINDOWS = { cookies: { width: 1200, height: 800 }, dual: { width: 360, height: 640 } }

/** What axe finds wrong in what the page shows now, and whether it fits the window, in both colour schemes. */
async function check(tab: Demo, state: string): Promise<void> {
  await tab.page.getByRole('button', { disabled: true }).first().waitFor({ state: 'detached' })
  for (const colorScheme of ['light', 'dark'] as const) {
    await tab.page.emulateMedia({ colorScheme })
    const { violations } = await tab.page.evaluate(rules => axe.run(rules), RULES[colorScheme])
    const found = violations.map(({ id, nodes }) => [id, nodes.map(({ target }) => String(target))])
    assert.deepEqual(found, [], `${state}, ${colorScheme}`)
  }
  assert.equal(await tab.isTooWide(), false, state)
}

for (const mode of MODES) {
  test(`axe finds nothing wrong with the demo in any state, in light and dark, ${WINDOWS[mode].width} pixels wide, in mode ${mode}`, async t => {
    const { origin, visitor, pass } = await demo(t)
    const context = await visitor({ viewport: WINDOWS[mode], reducedMotion: 'reduce' })
    await context.addInitScript(AXE)
    const tab = await Demo.open(context, origin, mode)
    await tab.isOutside()
    await check(tab, 'logged out')
    await tab.page.getByLabel('Password').fill('wrong')
    await tab.press('Log in')
    await tab.says('The login failed.')
    await check(tab, 'wrong password')
    await context.setOffline(true)
    await tab.press('Log in')
    await tab.says('The server does not answer.')
    await check(tab, 'no answer to a login')
    await context.setOffline(false)
    await tab.page.getByLabel('Password').fill('test')
    await tab.press('Log in')
    await tab.isInside()
    await check(tab, 'logged in')

    if (mode === 'cookies') {
      await tab.press('Change it without the CSRF value')
      await tab.says('but without the CSRF value')
      await check(tab, 'no CSRF value')
    }
    await tab.press('Pay')
    await tab.says('The server refused the payment.')
    await check(tab, 'no code')
    await tab.sendCode('1')
    await tab.says('The server did not accept the code.')
    await check(tab, 'wrong code')
    await tab.giveCode()
    await tab.says('The server accepted the code.')
    await tab.press('Show the code')
    await tab.says('The authenticator app shows a code.')
    await check(tab, 'a code is shown')
    await tab.press('Take the role away')
    await tab.says('The application took the role away.')
    await tab.press('Refresh')
    await tab.says('The page exchanged')
    await tab.press('Change something')
    await tab.says('does not have the scope')
    await Demo.loggedIn(await visitor(), origin, mode)
    await tab.press('Update the list')
    await tab.says('You are logged in 2 times.')
    await check(tab, 'two sessions, and no role')

    await tab.press('Close the page during a refresh')
    await tab.page.getByRole('link', { name: 'Come back' }).waitFor()
    await check(tab, 'closed')
    await tab.page.getByRole('link', { name: 'Come back' }).click()
    await tab.says('You came back')
    await tab.page.clock.setFixedTime(Date.now() + 61_000)
    await tab.says('The access token has expired.')
    await check(tab, 'an expired token')
    await tab.robbed(pass)
    await check(tab, 'reuse')
    await tab.press('Log in')
    await tab.isInside()
    await tab.press('Delete the user')
    await tab.says('The application deleted the user.')
    await tab.press('Refresh')
    await tab.isOutside()
    await check(tab, 'a deleted user')
    await tab.press('Log in')
    await tab.isInside()
    await tab.press('Log out here')
    await tab.isOutside()
    await check(tab, 'after a logout')
  })

  describe(`the page of the demo in mode ${mode}`, () => {
    test('can be used with the keyboard alone, and always shows where the focus is', async t => {
      const { origin, visitor } = await demo(t)
      const tab = await Demo.open(await visitor({ viewport: WINDOWS[mode] }), origin, mode)
      const { page } = tab
      const use = async (button: string, key: 'Enter' | 'Space', says: string) => {
        await tab.tabTo(button)
        assert.equal(await tab.focusFrame(), 'solid', button)
        await page.keyboard.press(key)
        await tab.hasSaid(says)
        await page.getByRole('button', { disabled: true }).first().waitFor({ state: 'detached' })
      }
      await use('Log in', 'Enter', 'You logged in.')
      await tab.isInside()
      assert.equal(await page.locator(':focus').textContent(), 'Access token')
      assert.equal(await tab.focusFrame(), 'solid')
      await use('Refresh', 'Space', 'The page exchanged')
      await use('Call it', 'Space', 'you have access')
      await use('Change something', 'Enter', 'The protected route accepted the change')
      await use('Let the thief copy it', 'Space', 'The thief has a copy')
      await use('Pay', 'Enter', 'The server refused the payment.')
      await use('Show the code', 'Space', 'The authenticator app shows a code.')
      const code = String(await page.locator('output').textContent())
      await page.keyboard.press('Tab')
      await page.keyboard.type(code)
      await page.keyboard.press('Enter')
      await tab.hasSaid('The server accepted the code.')
      await use('Update the list', 'Space', 'You are logged in here')
      await use('Log out everywhere', 'Enter', 'You logged out everywhere.')
      await tab.isOutside()
      assert.equal(await page.locator(':focus').textContent(), 'Log in')
    })
  })
}

describe('the page of the demo in both modes', () => {
  test('shows no frame around what a mouse has pressed, or what gets the focus then', async t => {
    const { origin, visitor } = await demo(t)
    const tab = await Demo.loggedIn(await visitor(), origin, 'cookies')
    assert.equal(await tab.page.locator(':focus').textContent(), 'Access token')
    assert.equal(await tab.focusFrame(), 'none')
    await tab.press('Call it')
    await tab.says('you have access')
    assert.equal(await tab.focusFrame(), 'none')
    await tab.press('Log out here')
    await tab.isOutside()
    assert.equal(await tab.page.locator(':focus').textContent(), 'Log in')
    assert.equal(await tab.focusFrame(), 'none')
  })

  test('scrolls its log by keyboard', async t => {
    const { origin, visitor } = await demo(t)
    const tab = await Demo.loggedIn(await visitor({ viewport: { width: 360, height: 640 } }), origin, 'cookies')
    const log = tab.page.getByRole('log', { name: 'What happened' })
    for (let calls = 0; calls < 4; calls++) await tab.press('Call it')
    await log.getByText('you have access').nth(3).waitFor()
    await log.focus()
    await tab.page.keyboard.press('End')
    await tab.page.waitForFunction(() => Number(document.querySelector('[role=log]')?.scrollTop) > 0)
  })

  test('says beside a form which field is wrong, leads there, and takes it back', async t => {
    const { origin, visitor } = await demo(t)
    const tab = await Demo.open(await visitor(), origin, 'cookies')
    const wrong = async (field: string) => {
      const input = tab.page.getByLabel(field, { exact: true })
      const error = await tab.page.locator(`#${await input.getAttribute('aria-describedby')}`).textContent()
      return [await input.getAttribute('aria-invalid'), error]
    }
    const focused = () => tab.page.locator(':focus').getAttribute('name')
    await tab.page.getByLabel('Password').fill('wrong')
    await tab.press('Log in')
    await tab.says('The login failed.')
    for (const field of ['Name', 'Password'])
      assert.deepEqual(await wrong(field), ['true', 'The name or the password is wrong.'])
    assert.equal(await focused(), 'password')
    // The wrong password is selected: typing replaces it.
    await tab.page.keyboard.type('test')
    await tab.page.keyboard.press('Enter')
    await tab.isInside()

    await tab.press('Pay')
    await tab.says('The server refused the payment.')
    assert.match(String(await wrong('Code')), /^true,The payment requires a code/)
    assert.equal(await focused(), 'code')
    await tab.page.keyboard.type('123')
    await tab.page.keyboard.press('Enter')
    await tab.says('The server did not accept the code.')
    assert.match(String(await wrong('Code')), /^true,The code is wrong/)
    await tab.giveCode()
    await tab.says('The server accepted the code.')
    assert.equal(await tab.page.getByLabel('Code', { exact: true }).getAttribute('aria-invalid'), 'false')
    await tab.press('Log out here')
    await tab.isOutside()
    assert.equal(await tab.page.locator('.error:visible').count(), 0)
  })
})
