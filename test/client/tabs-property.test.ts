import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { AuthXClient, TokensIn } from 'koa-authx/client'
import { until } from '../support/until.js'
import { Gate } from './gate.js'
import { CREDENTIALS, OTHERS, type Scene, scene } from './scene.js'
import { type Browser, browserOf } from './tabs.js'

/** What a visitor does in a tab. */
const CALLS = ['ada', 'grace', 'logout', 'refresh', 'fetch', 'fetch'] as const
/** What happens besides. `late`: access tokens expire. `lose`: the next response to a refresh is lost. */
const EVENTS = ['late', 'clock', 'lose', 'message'] as const
/** `freeze`, `kill`: at once. `freezeLater`, `killLater`: when the next answer comes to the browser. */
const STOPS = ['freeze', 'freezeLater', 'thaw', 'kill', 'killLater'] as const

interface Step {
  readonly tab: number
  readonly does: (typeof CALLS)[number] | (typeof EVENTS)[number] | (typeof STOPS)[number]
}

/** Steps of one group begin at the same moment. */
const historyOf = (does: readonly Step['does'][]): fc.Arbitrary<Step[][]> => {
  const step = fc.record({ tab: fc.nat(2), does: fc.constantFrom(...does) })
  return fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 })
}

interface Tab {
  readonly client: AuthXClient
  readonly gate: Gate
}

interface Call {
  readonly tab: Tab
  isOver: boolean
}

/** A visitor with three tabs. A tab that was killed is opened again. */
class Visitor {
  readonly tabs: Tab[]
  readonly #server: Scene
  readonly #browser: Browser
  readonly #tokens: TokensIn
  readonly #calls: Call[] = []
  readonly #atAnswer: (() => void)[] = []
  #lost = 0

  private constructor(server: Scene, browser: Browser, tokens: TokensIn, tabs: Tab[]) {
    this.#server = server
    this.#browser = browser
    this.#tokens = tokens
    this.tabs = tabs
    server.fate = line => {
      for (const stop of this.#atAnswer.splice(0)) stop()
      return line === 'POST /refresh' && this.#lost > 0 && this.#lost-- > 0 ? 'cut' : undefined
    }
  }

  static async of(t: TestContext, tokens: TokensIn): Promise<Visitor> {
    const server = await scene(t, tokens)
    const browser = browserOf(t, server)
    const tabs = await Promise.all([0, 1, 2].map(() => openTab(browser, tokens)))
    return new Visitor(server, browser, tokens, tabs)
  }

  /** Whether a tab that does not run, or was killed, is in the middle of a call. */
  get isWaiting(): boolean {
    return this.#open.length > 0
  }

  get #open(): Call[] {
    return this.#calls.filter(({ isOver }) => !isOver)
  }

  /** Does the steps. Resolves when each call is over, unless its tab does not run. */
  async do(steps: readonly Step[]): Promise<void> {
    await Promise.all(steps.map(step => this.#do(step)))
    await until(() => this.#open.every(({ tab }) => !tab.gate.isOpen))
  }

  /** Lets all tabs run, and all answers come. */
  async rest(): Promise<void> {
    this.#lost = 0
    this.#atAnswer.length = 0
    for (const { gate } of this.tabs) gate.thaw()
    await until(() => this.#browser.requests === 0 && this.#open.every(({ tab }) => !this.tabs.includes(tab)))
  }

  async #do({ tab: number, does }: Step): Promise<void> {
    const tab = this.tabs[number] as Tab
    const { gate } = tab
    if (does === 'late') return this.#server.clock.advance('16m')
    if (does === 'lose') this.#lost++
    else if (does === 'clock') this.#browser.clockMs -= 60_000
    else if (does === 'message') this.#browser.post({ type: 'logout', id: 'of-others', at: Number.POSITIVE_INFINITY })
    else if (does === 'freeze') gate.freeze()
    else if (does === 'freezeLater') this.#atAnswer.push(() => gate.freeze())
    else if (does === 'thaw') gate.thaw()
    else if (does === 'kill') await this.#kill(number)
    else if (does === 'killLater') this.#atAnswer.push(() => void this.#kill(number))
    else if (gate.isOpen) this.#call(tab, does)
  }

  #call(tab: Tab, does: (typeof CALLS)[number]): void {
    const call = { tab, isOver: false }
    this.#calls.push(call)
    const { client } = tab
    const results = {
      ada: () => client.login(CREDENTIALS),
      grace: () => client.login(OTHERS),
      logout: () => client.logout(),
      refresh: () => client.refresh(),
      fetch: () => subOf(client),
    }
    const end = () => {
      call.isOver = true
    }
    results[does]().then(end, end)
  }

  async #kill(number: number): Promise<void> {
    this.tabs[number]?.gate.kill()
    const opened = openTab(this.#browser, this.#tokens)
    this.tabs[number] = await opened
  }
}

async function openTab(browser: Browser, tokens: TokensIn): Promise<Tab> {
  const gate = new Gate()
  return { gate, client: await browser.tab(tokens, { timeouts: { lock: 200 } }, gate) }
}

const subOf = async (client: AuthXClient) => {
  const response = await client.fetch('/protected', { method: 'POST' })
  return response.status === 200 ? ((await response.json()) as { sub: string }).sub : undefined
}

async function check(t: TestContext, tokens: TokensIn, history: readonly (readonly Step[])[]): Promise<void> {
  const visitor = await Visitor.of(t, tokens)
  for (const steps of history.slice(0, -1)) await visitor.do(steps)
  const wasWaiting = visitor.isWaiting
  const last = history.at(-1) ?? []
  await visitor.do(last)
  await visitor.rest()
  const clients = visitor.tabs.map(({ client }) => client)
  const present = await Promise.all(clients.map(subOf))
  assert.equal(new Set(present).size, 1, `${present}`)
  await until(() => clients.every(client => client.loggedIn === (present[0] !== undefined)))
  // What was done alone at the end holds, unless a tab goes on with what it did before.
  const [{ does } = { does: 'fetch' }] = last
  if (last.length === 1 && !wasWaiting) {
    if (does === 'ada' || does === 'grace') assert.equal(present[0], does)
    if (does === 'logout') assert.equal(present[0], undefined)
  }
  for (const client of clients) client.close()
}

for (const tokens of ['cookies', 'dual'] as const)
  describe(`three tabs with tokens: '${tokens}', whatever they do and whatever happens`, () => {
    test('all come to rest as the same user, and every call ends', async t => {
      const history = historyOf([...CALLS, ...EVENTS])
      await fc.assert(
        fc.asyncProperty(history, steps => check(t, tokens, steps)),
        { numRuns: 12, endOnFailure: true },
      )
    })

    test('so they do if the browser freezes and kills tabs in the middle of their calls', async t => {
      const history = historyOf([...CALLS, ...EVENTS, ...STOPS])
      await fc.assert(
        fc.asyncProperty(history, steps => check(t, tokens, steps)),
        { numRuns: 20, endOnFailure: true },
      )
    })
  })
