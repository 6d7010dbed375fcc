import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MODES } from '../../examples/demo/instances.js'
import { tokenStore } from '../../examples/start/token-store.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'
import { Demo, demo, textOf } from './support/demo-tab.js'

const HOUR = 60 * 60_000

for (const mode of MODES) {
  describe(`the demo asks the application again in mode ${mode}`, () => {
    test('so a role that was taken away is in the token until the next refresh', async t => {
      const { origin, visitor } = await demo(t)
      const tab = await Demo.loggedIn(await visitor(), origin, mode)
      await tab.press('Take the role away')
      await tab.says('The application took the role away.')
      await tab.press('Change something')
      await tab.says('The protected route accepted the change')
      assert.equal(await tab.claim('role'), 'editor')
      await tab.press('Refresh')
      await tab.claimIs('role', 'reader')
      await tab.press('Change something')
      await tab.says('the token does not have the scope notes:change')
      await tab.press('Give it back')
      await tab.says('The application gave the role back.')
      await tab.press('Refresh')
      await tab.claimIs('role', 'editor')
      await tab.press('Change something')
      await tab.says('The protected route accepted the change')
      assert.deepEqual(tab.problems, [])
    })

    test('so a deleted user is logged out by the next refresh, and can log in again', async t => {
      const { origin, visitor } = await demo(t)
      const tab = await Demo.loggedIn(await visitor(), origin, mode)
      await tab.press('Delete the user')
      await tab.says('The application deleted the user.')
      await tab.press('Call it')
      await tab.says('you have access')
      await tab.press('Refresh')
      await tab.isOutside()
      await tab.page.getByRole('main').getByText('the user does not exist').waitFor()
      await tab.press('Log in')
      await tab.isInside()
      assert.equal(await tab.claim('role'), 'editor')
      assert.deepEqual(tab.problems, [])
    })
  })

  describe(`the demo that is closed during a refresh in mode ${mode}`, () => {
    test('is still logged in for who comes back at once', async t => {
      const { origin, visitor, events } = await demo(t)
      const tab = await Demo.loggedIn(await visitor(), origin, mode)
      const sid = await tab.claim('sid')
      await tab.press('Close the page during a refresh')
      const back = tab.page.getByRole('link', { name: 'Come back' })
      await back.waitFor()
      await until(() => events.includes('refreshed'))
      await back.click()
      await tab.isInside()
      await tab.says('You came back, and you are still logged in.')
      assert.equal(await tab.claim('sid'), sid)
      // The second answer is a replay, or after five seconds a recovery.
      assert.ok(events.length > 1 && !events.includes('reuse'), String(events))
      assert.equal(new URL(tab.page.url()).hash, '')
      assert.deepEqual(tab.problems, [])
    })

    test('is still logged in for who opens it an hour later', async t => {
      const { origin, visitor, events, pass } = await demo(t)
      const context = await visitor()
      const tab = await Demo.loggedIn(context, origin, mode)
      await tab.press('Close the page during a refresh')
      await tab.page.getByRole('link', { name: 'Come back' }).waitFor()
      await until(() => events.includes('refreshed'))
      await tab.page.close()
      pass(HOUR)
      const later = await Demo.open(context, origin, mode)
      await later.isInside()
      await later.press('Call it')
      await later.says('you have access')
      assert.ok(events.includes('recovered') && !events.includes('reuse'), String(events))
      assert.deepEqual(later.problems, [])
    })
  })

  describe(`the second factor of the demo in mode ${mode}`, () => {
    test('is required for a payment, and lasts through a refresh', async t => {
      const { origin, visitor } = await demo(t)
      const tab = await Demo.loggedIn(await visitor(), origin, mode)
      assert.equal(await tab.claim('amr'), 'pwd')
      await tab.press('Pay')
      await tab.says('The server refused the payment.')
      await tab.giveCode()
      await tab.says('The server accepted the code.')
      await tab.claimIs('amr', 'pwd, otp')
      await tab.press('Pay')
      await tab.says('The server accepted the payment')
      await tab.press('Refresh')
      await tab.says('The page exchanged')
      await tab.press('Pay')
      await tab.says('The server accepted the payment')
      assert.deepEqual(tab.problems, [])
    })

    test('accepts a code once, and five codes in five minutes', async t => {
      const { origin, visitor, pass } = await demo(t)
      const tab = await Demo.loggedIn(await visitor(), origin, mode)
      await tab.press('Show the code')
      await tab.says('The authenticator app shows a code.')
      const code = await textOf(tab.page.locator('output'))
      await tab.sendCode(code)
      await tab.says('The server accepted the code.')
      await tab.sendCode(code)
      await tab.says('The server did not accept the code.')
      pass(30_000)
      await tab.giveCode()
      await tab.says('The server accepted the code.')
      const error = tab.page.locator('#code-error')
      for (const [guess, says] of [
        ['one', 'The code is wrong'],
        ['', 'The code is wrong'],
        ['123456', 'The server accepts five codes in five minutes.'],
      ] as const) {
        await tab.sendCode(guess)
        await error.filter({ hasText: says }).waitFor()
      }
      assert.deepEqual(tab.problems, [])
    })
  })
}

test('the demo says which store it runs on', async t => {
  const { folder, remove } = await temporaryFolder()
  t.after(remove)
  for (const setting of ['memory:', undefined]) {
    const { store, where } = tokenStore(setting, folder)
    t.after(() => store.close?.())
    const { origin, visitor } = await demo(t, { store, where })
    const tab = await Demo.loggedIn(await visitor(), origin, 'cookies')
    await tab.page.getByText(`Sessions are kept ${where}.`, { exact: true }).waitFor()
  }
})
