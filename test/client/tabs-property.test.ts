import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { AuthXClient } from 'koa-authx/client'
import { until } from '../support/until.js'
import { CREDENTIALS, OTHERS, scene } from './scene.js'
import { browserOf } from './tabs.js'

/** What the tabs of a visitor do, and what happens to them and to their network. */
type Step = {
  readonly tab: number
  readonly does: 'ada' | 'grace' | 'logout' | 'refresh' | 'fetch' | 'late' | 'clock' | 'lose'
}
const STEP: fc.Arbitrary<Step> = fc.record({
  tab: fc.nat(2),
  does: fc.constantFrom('ada', 'grace', 'logout', 'refresh', 'fetch', 'fetch', 'late', 'clock', 'lose'),
})
/** Steps of one group begin at the same moment. */
const HISTORY = fc.array(fc.array(STEP, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 })

const subOf = async (client: AuthXClient) => {
  const response = await client.fetch('/protected', { method: 'POST' })
  return response.status === 200 ? ((await response.json()) as { sub: string }).sub : undefined
}

for (const tokens of ['cookies', 'dual'] as const)
  describe(`three tabs with tokens: '${tokens}', whatever they do and whatever happens`, () => {
    test('all come to rest as the same user, and every call ends', async t => {
      await fc.assert(
        fc.asyncProperty(HISTORY, async history => {
          const server = await scene(t, tokens)
          const browser = browserOf(t, server)
          const tabs = await Promise.all([0, 1, 2].map(() => browser.tab(tokens)))
          let lost = 0
          server.fate = line => (line === 'POST /refresh' && lost > 0 && lost-- > 0 ? 'cut' : undefined)
          const run = async ({ tab, does }: Step): Promise<unknown> => {
            const client = tabs[tab] as AuthXClient
            if (does === 'ada' || does === 'grace') return client.login(does === 'ada' ? CREDENTIALS : OTHERS)
            if (does === 'logout') return client.logout()
            if (does === 'refresh') return client.refresh()
            if (does === 'fetch') return subOf(client)
            if (does === 'late') return server.clock.advance('16m')
            if (does === 'clock') browser.clockMs -= 60_000
            else lost++
            return browser.post({ type: 'logout', id: 'of-others', at: Number.POSITIVE_INFINITY })
          }
          for (const group of history) await Promise.allSettled(group.map(run))
          lost = 0
          const last = history.at(-1) ?? []
          const present = await Promise.all(tabs.map(subOf))
          assert.equal(new Set(present).size, 1, `${present}`)
          await until(() => tabs.every(each => each.loggedIn === (present[0] !== undefined)))
          // What was done alone at the end holds.
          const [{ does } = { does: 'fetch' }] = last
          if (last.length === 1 && (does === 'ada' || does === 'grace')) assert.equal(present[0], does)
          if (last.length === 1 && does === 'logout') assert.equal(present[0], undefined)
          for (const each of tabs) each.close()
        }),
        { numRuns: 12, endOnFailure: true },
      )
    })
  })
