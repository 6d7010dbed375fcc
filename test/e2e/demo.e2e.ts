import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, test } from 'node:test'
import { MODES } from '../../examples/demo/instances.js'
import { Demo, demo, textOf } from './support/demo-tab.js'

const REUSE = 'The server refused the old refresh token and ended the session, because a token was used twice.'

for (const mode of MODES) {
  describe(`the page of the demo in mode ${mode}`, () => {
    test('logs in, and shows the claims of the access token and how its life runs down', async t => {
      const { origin, visitor } = await demo(t)
      const tab = await Demo.open(await visitor(), origin, mode)
      await tab.page.getByLabel('Password').fill('wrong')
      await tab.press('Log in')
      await tab.says('The login failed.')
      await tab.page.getByLabel('Password').fill('test')
      await tab.press('Log in')
      await tab.isInside()
      await tab.hasSaid('You logged in.')
      assert.equal(await tab.claim('sub'), 'test')
      assert.match(await tab.claim('fresh'), /^true/)
      const clock = tab.page.getByRole('timer')
      const before = await textOf(clock)
      assert.match(before, /^(1:00|0:\d\d)$/)
      await clock.filter({ hasNotText: before }).waitFor()
      assert.ok((await textOf(clock)) < before)
      assert.deepEqual(tab.problems, [])
    })

    test('calls the protected route, and changes something with what it takes', async t => {
      const { origin, visitor } = await demo(t)
      const tab = await Demo.loggedIn(await visitor(), origin, mode)
      await tab.press('Call it')
      await tab.says('The protected route answered: you have access, test.')
      await tab.press('Change something')
      await tab.says('The protected route accepted the change')
      const forge = tab.page.getByRole('button', { name: 'Change it without the CSRF value' })
      assert.equal(await forge.isVisible(), mode === 'cookies')
      if (mode === 'cookies') {
        await forge.click()
        await tab.says('but without the CSRF value')
      }
      assert.deepEqual(tab.problems, [])
    })

    test('shows that its buttons wait while one of them is at work, and leaves the keyboard there', async t => {
      const { origin, visitor } = await demo(t)
      const tab = await Demo.loggedIn(await visitor(), origin, mode)
      const { page } = tab
      const gate = new EventEmitter()
      const opened = once(gate, 'open')
      await page.route('**/protected', async route => {
        await opened
        await route.continue()
      })
      const buttons = (state: { disabled: boolean }) => page.getByRole('button', state)
      await buttons({ disabled: true }).first().waitFor({ state: 'detached' })
      await tab.press('Call it')
      await buttons({ disabled: false }).first().waitFor({ state: 'detached' })
      assert.ok((await buttons({ disabled: true }).count()) > 5)
      assert.equal(await textOf(page.locator(':focus')), 'Call it')
      gate.emit('open')
      await buttons({ disabled: true }).first().waitFor({ state: 'detached' })
      assert.ok((await buttons({ disabled: false }).count()) > 5)
    })

    test('refreshes when asked, and when a call finds the access token run out', async t => {
      const { origin, visitor, pass } = await demo(t)
      const tab = await Demo.loggedIn(await visitor(), origin, mode)
      const first = await tab.claim('jti')
      const changed = (jti: string) => tab.page.locator('dd', { hasText: jti }).waitFor({ state: 'detached' })
      await tab.press('Refresh')
      await tab.says('The page exchanged the refresh token for a new refresh token')
      await changed(first)
      assert.match(await tab.claim('fresh'), /^false/)

      const second = await tab.claim('jti')
      pass(61_000)
      await tab.press('Call it')
      await tab.says('you have access, test')
      await changed(second)
      const lines = await tab.page.getByRole('log').getByRole('listitem').allInnerTexts()
      assert.equal(lines.filter(line => line.includes('The page exchanged')).length, 2)
    })

    test('says in red numbers that the access token has run out', async t => {
      const { origin, visitor } = await demo(t)
      const context = await visitor()
      await context.clock.install()
      const tab = await Demo.loggedIn(context, origin, mode)
      await context.clock.fastForward(61_000)
      await tab.says('The access token has expired.')
      assert.equal(await textOf(tab.page.getByRole('timer')), '0:00')
    })

    test('is in one login with a second tab', async t => {
      const { origin, visitor } = await demo(t)
      const context = await visitor()
      const [one, other] = [await Demo.open(context, origin, mode), await Demo.open(context, origin, mode)]
      await one.press('Log in')
      for (const tab of [one, other]) await tab.isInside()
      await other.hasSaid('Another tab logged in')
      assert.equal(await other.claim('sid'), await one.claim('sid'))
      await one.press('Refresh')
      await other.says('Another tab refreshed.')
      await other.press('Log out here')
      for (const tab of [one, other]) await tab.isOutside()
      await one.says('You logged out in another tab')
      await other.says('You logged out.')
    })

    test('says so, if the browser takes no cookies from a place like this', async t => {
      const { at, visitor } = await demo(t)
      const tab = await Demo.open(await visitor(), at('0.0.0.0'), mode)
      await tab.press('Log in')
      await tab.says('the browser rejected the cookies')
      await tab.isOutside()
    })

    test('is still logged in after a reload', async t => {
      const { origin, visitor } = await demo(t)
      const tab = await Demo.loggedIn(await visitor(), origin, mode)
      const sid = await tab.claim('sid')
      await tab.page.reload()
      await tab.isInside()
      await tab.hasSaid('You are still logged in.')
      assert.equal(await tab.claim('sid'), sid)
    })

    test('lets a thief use a copy that is used up, and says that the session is over and why', async t => {
      const { origin, visitor, pass } = await demo(t)
      const tab = await Demo.loggedIn(await visitor(), origin, mode)
      await tab.press('Let the thief use the copy')
      await tab.says('The thief has no token')
      await tab.robbed(pass)
      await tab.hasSaid(`The thief sent the copy. ${REUSE}`)
      await tab.says('The server refused the token: the session has ended. Log in again to continue.')
      await tab.page.getByRole('main').getByText(REUSE).waitFor()
      await tab.press('Log in')
      await tab.isInside()
    })

    test('finds out itself, if the thief was faster', async t => {
      const { origin, visitor, pass } = await demo(t)
      const tab = await Demo.loggedIn(await visitor(), origin, mode)
      await tab.press('Let the thief copy it')
      await tab.says('The thief has a copy')
      await tab.press('Let the thief use the copy')
      await tab.says('The thief was faster')
      pass(5000)
      await tab.press('Refresh')
      await tab.isOutside()
      await tab.says(`${REUSE} Log in again to continue.`)
      assert.deepEqual(tab.problems, [])
    })
  })
}

describe('the page of the demo in both modes at once', () => {
  test('lists the sessions of both, and ends one from the other', async t => {
    const { origin, visitor } = await demo(t)
    const context = await visitor()
    const [cookies, dual] = [
      await Demo.loggedIn(context, origin, 'cookies'),
      await Demo.loggedIn(context, origin, 'dual'),
    ]
    await cookies.press('Update the list')
    await cookies.says('You are logged in 2 times.')
    assert.equal(await cookies.sessions().count(), 2)
    const other = cookies.sessions().filter({ hasNotText: 'this one' })
    assert.match(await textOf(other), /^Chrome on Linux\s*access token in memory, [\d.:]+; last active this minute/)
    await other.getByRole('button').click()
    await cookies.says('You ended the session on Chrome on Linux.')
    await other.waitFor({ state: 'detached' })
    assert.equal(await cookies.sessions().count(), 1)

    await dual.press('Call it')
    await dual.isOutside()
    await dual.says('The server refused the token: the session has ended.')
    await cookies.press('Call it')
    await cookies.says('you have access')
  })

  test('logs out here, which the other mode survives, and everywhere, which nothing does', async t => {
    const { origin, visitor } = await demo(t)
    const context = await visitor()
    const elsewhere = await Demo.loggedIn(await visitor(), origin, 'cookies')
    const [cookies, dual] = [
      await Demo.loggedIn(context, origin, 'cookies'),
      await Demo.loggedIn(context, origin, 'dual'),
    ]
    await cookies.press('Log out here')
    await cookies.isOutside()
    await cookies.says('You logged out.')
    await dual.press('Call it')
    await dual.says('you have access')

    await dual.press('Log out everywhere')
    await dual.isOutside()
    await dual.says('You logged out everywhere.')
    await elsewhere.press('Call it')
    await elsewhere.isOutside()
    await elsewhere.says('The server refused the token: the session has ended.')
    assert.deepEqual([...cookies.problems, ...dual.problems, ...elsewhere.problems], [])
  })
})
