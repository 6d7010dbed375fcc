import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { AuthXClient, TokensIn } from 'koa-authx/client'
import { until } from '../support/until.js'
import { type Change, lastOf, possibleUsers } from './changes.js'
import { Gate } from './gate.js'
import { CREDENTIALS, OTHERS, type Scene, scene } from './scene.js'
import { type Browser, browserOf } from './tabs.js'

/** What a visitor does in a tab: these change who is logged in. */
const CHANGES = ['ada', 'grace', 'logout'] as const
const CALLS = ['refresh', 'fetch', 'fetch'] as const
/**
 * What happens besides. `late`: access tokens expire. `lose`: the next answers to logins, refreshes and logouts are lost.
 * `clock`: the clock of the device is set. `mute`, `repeat`: the next message to the tab is lost, or comes twice.
 */
const EVENTS = ['late', 'clock', 'lose', 'spoof', 'mute', 'repeat'] as const
/** `freeze`, `kill`: at once. `freezeLater`, `killLater`: when the next answer comes to the browser. */
const STOPS = ['freeze', 'freezeLater', 'thaw', 'kill', 'killLater'] as const

/** Messages that no tab has sent. */
const SPOOFED = [
  { type: 'logout' },
  { type: 'logout', id: 'of-others', at: Number.POSITIVE_INFINITY, reason: 'RevokedTokenError' },
  { type: 'login' },
  { type: 'login', id: 'of-others' },
  { type: 'refresh', expires_in: Number.POSITIVE_INFINITY },
  { type: 'refresh', expires_in: -1 },
  { type: 'refresh', id: {} },
  { type: ['logout'] },
  { type: 'begin' },
  { type: 'done' },
  {},
  null,
  'logout',
]
const CLOCK_STEPS_MS = [-3_600_000, -60_000, 60_000, 3_600_000]

interface Step {
  readonly tab: number
  readonly does: (typeof CHANGES | typeof CALLS | typeof EVENTS | typeof STOPS)[number]
  /** Which message, which step of the clock, or how many answers. */
  readonly choice: number
}

interface History {
  /** Whether the browser is an old one: its tabs have no clock but that of the device. */
  readonly isOld: boolean
  /** Steps of one group begin at the same moment. */
  readonly groups: readonly (readonly Step[])[]
}

const LOGIN: Step = { tab: 0, does: 'ada', choice: 0 }

/** Half of the histories begin with a login, and have no other change. */
const historyOf = (does: readonly Step['does'][]): fc.Arbitrary<History> => {
  const groupsOf = (all: readonly Step['does'][]): fc.Arbitrary<Step[][]> => {
    const step = fc.record({ tab: fc.nat(2), does: fc.constantFrom(...all), choice: fc.nat(SPOOFED.length * 4 - 1) })
    return fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 })
  }
  const groups = fc.oneof(
    groupsOf([...CHANGES, ...does]),
    groupsOf(does).map(quiet => [[LOGIN], ...quiet]),
  )
  return fc.record({ isOld: fc.boolean(), groups })
}

interface Tab {
  readonly gate: Gate
  readonly client: AuthXClient
  /** How many of its requests have no answer yet. */
  requests: number
}

interface Call {
  readonly tab: Tab
  /** The login or the logout that it is. */
  readonly change?: Change
  isOver: boolean
}

/**
 * A refresh whose answer came to the browser when its tab did not run. Nobody could end it: it may bring back the cookies
 * of a login before the one that began meanwhile.
 */
interface Stray {
  readonly began: number
  readonly ended: number
}

/** A visitor with three tabs. A tab that was killed is opened again. */
class Visitor {
  readonly tabs: Tab[] = []
  /** What was wrong with the calls. */
  readonly problems: unknown[] = []
  readonly #server: Scene
  readonly #browser: Browser
  readonly #tokens: TokensIn
  readonly #calls: Call[] = []
  readonly #strays: Stray[] = []
  readonly #atAnswer: (() => void)[] = []
  readonly #opening: Promise<void>[] = []
  #now = 0
  /** How many of the next answers are lost. */
  #toLose = 0
  #isAnyLost = false

  private constructor(server: Scene, browser: Browser, tokens: TokensIn) {
    this.#server = server
    this.#browser = browser
    this.#tokens = tokens
    server.fate = line => {
      for (const stop of this.#atAnswer.splice(0)) stop()
      if (line === 'POST /protected' || this.#toLose === 0) return undefined
      this.#toLose--
      this.#isAnyLost = true
      return 'cut'
    }
  }

  static async of(t: TestContext, tokens: TokensIn, isOld: boolean): Promise<Visitor> {
    const server = await scene(t, tokens)
    const browser = browserOf(t, server)
    browser.isOld = isOld
    const visitor = new Visitor(server, browser, tokens)
    await Promise.all([0, 1, 2].map(number => visitor.#open(number)))
    return visitor
  }

  get #changes(): Change[] {
    return this.#calls.flatMap(({ change }) => change ?? [])
  }

  get #waiting(): Call[] {
    return this.#calls.filter(({ isOver }) => !isOver)
  }

  /** Does the steps. Resolves when each call is over, unless its tab does not run. */
  async do(steps: readonly Step[]): Promise<void> {
    for (const step of steps) this.#do(step)
    await this.#settle(() => this.#waiting.every(({ tab }) => !tab.gate.isOpen))
  }

  /** Lets all tabs run, and all answers come. */
  async rest(): Promise<void> {
    this.#toLose = 0
    this.#atAnswer.length = 0
    for (const { gate } of this.tabs) {
      gate.spare()
      gate.thaw()
    }
    await this.#settle(() => this.#waiting.length === 0 && this.tabs.every(({ requests }) => requests === 0))
    await this.#browser.delivered()
  }

  /** As whom the next request of a tab is answered. It is a problem if that user could not be logged in. */
  async ask({ client }: Tab): Promise<string | undefined> {
    const began = ++this.#now
    const response = await client.fetch('/protected', { method: 'POST' })
    const { sub } = response.status === 200 ? ((await response.json()) as { sub?: string }) : {}
    const possible = possibleUsers(this.#changes, began, ++this.#now)
    if (sub !== undefined && !possible.includes(sub)) this.problems.push(`answered as ${sub}, possible: ${possible}`)
    return sub
  }

  /** The users as one of whom all tabs must be logged in now, if the last changes were logins and were reported. */
  get expected(): readonly unknown[] | undefined {
    const last = lastOf(this.#changes)
    const isDisturbed = last.some(({ began, ended }) =>
      this.#strays.some(stray => stray.began < ended && began < stray.ended),
    )
    const areLogins = last.length > 0 && last.every(({ sub, isReported }) => sub && isReported)
    return areLogins && !isDisturbed ? last.map(({ sub }) => sub) : undefined
  }

  async #settle(isSettled: () => boolean): Promise<void> {
    await until(isSettled)
    await Promise.all(this.#opening)
  }

  #do({ tab: number, does, choice }: Step): void {
    const tab = this.tabs[number] as Tab
    const { gate } = tab
    if (does === 'late') this.#server.clock.advance('16m')
    else if (does === 'lose') this.#toLose += 1 + (choice % 2)
    else if (does === 'clock') this.#browser.clockMs += CLOCK_STEPS_MS[choice % CLOCK_STEPS_MS.length] as number
    else if (does === 'spoof') this.#browser.post(SPOOFED[choice % SPOOFED.length])
    else if (does === 'mute') gate.spoil('lost')
    else if (does === 'repeat') gate.spoil('doubled')
    else if (does === 'freeze') gate.freeze()
    else if (does === 'freezeLater') this.#atAnswer.push(() => gate.freeze())
    else if (does === 'thaw') gate.thaw()
    else if (does === 'kill') this.#kill(tab, number)
    else if (does === 'killLater') this.#atAnswer.push(() => this.#kill(tab, number))
    else if (gate.isOpen) this.#call(tab, does)
  }

  #call(tab: Tab, does: (typeof CHANGES | typeof CALLS)[number]): void {
    const { client } = tab
    const change = (sub?: string): Change => ({
      sub,
      began: ++this.#now,
      ended: Number.POSITIVE_INFINITY,
      isReported: false,
    })
    if (does === 'ada') this.#note({ tab, change: change('ada') }, client.login(CREDENTIALS))
    else if (does === 'grace') this.#note({ tab, change: change('grace') }, client.login(OTHERS))
    else if (does === 'logout') this.#note({ tab, change: change() }, client.logout())
    else this.#note({ tab }, does === 'refresh' ? client.refresh() : this.ask(tab))
  }

  #note(of: Pick<Call, 'tab' | 'change'>, result: Promise<unknown>): void {
    const call = { ...of, isOver: false }
    this.#calls.push(call)
    const { change } = call
    result
      .then(
        () => {
          if (change) change.isReported = true
        },
        error => this.#judge(error, change),
      )
      .catch(error => this.problems.push(error))
      .finally(() => this.#end(call))
  }

  /** A login fails only if its answer is lost; other calls also if nobody, or somebody else, is logged in. */
  #judge(error: unknown, change: Change | undefined): void {
    const { name, status, message } = error as { name: string; status?: number; message: string }
    if (message === 'fetch failed' && this.#isAnyLost) return
    if (name === 'AuthXClientError' && status === 401 && !change?.sub) return
    if (name === 'AbortError' && !change) return
    throw error
  }

  #end(call: Call): void {
    call.isOver = true
    if (call.change) call.change.ended = ++this.#now
  }

  #kill(tab: Tab, number: number): void {
    if (tab !== this.tabs[number] || tab.gate.isKilled) return
    tab.gate.kill()
    this.#bury(tab)
    this.#opening.push(this.#open(number))
  }

  /** What a tab that was killed has asked for is over when the answer has come. */
  #bury(tab: Tab): void {
    if (!tab.gate.isKilled || tab.requests > 0) return
    for (const call of this.#waiting) if (call.tab === tab) this.#end(call)
  }

  async #open(number: number): Promise<void> {
    const gate = new Gate()
    const { jar } = this.#server
    const fetch: typeof jar.fetch = (input, init) => {
      tab.requests++
      const began = ++this.#now
      const answered = jar.fetch(input, init).finally(() => {
        tab.requests--
        if (!gate.isOpen && String(input).endsWith('/refresh')) this.#strays.push({ began, ended: ++this.#now })
        this.#bury(tab)
      })
      return gate.after(answered)
    }
    const client = await this.#browser.tab(this.#tokens, { fetch, timeouts: { lock: 200 } }, gate)
    const tab: Tab = { gate, client, requests: 0 }
    this.tabs[number] = tab
  }
}

async function check(t: TestContext, tokens: TokensIn, { isOld, groups }: History): Promise<void> {
  const visitor = await Visitor.of(t, tokens, isOld)
  for (const steps of groups) await visitor.do(steps)
  await visitor.rest()
  const { tabs, expected, problems } = visitor
  // The first request of a tab may find out that its login is over, or that another one has begun.
  await Promise.allSettled(tabs.map(tab => visitor.ask(tab)))
  const present = await Promise.all(tabs.map(tab => visitor.ask(tab)))
  assert.deepEqual(problems, [])
  assert.equal(new Set(present).size, 1, `the tabs act as ${present}`)
  const [sub] = present
  if (expected) assert.ok(expected.includes(sub), `logged in: ${sub}, expected: ${expected}`)
  for (const { client } of tabs) {
    await until(() => client.loggedIn === (sub !== undefined))
    if (tokens === 'dual') assert.equal(client.claims?.sub, sub)
    client.close()
  }
}

for (const tokens of ['cookies', 'dual'] as const)
  describe(`three tabs with tokens: '${tokens}', whatever they do and whatever happens`, () => {
    test('all come to rest as the same user, and every call ends', async t => {
      const history = historyOf([...CALLS, ...EVENTS])
      await fc.assert(
        fc.asyncProperty(history, steps => check(t, tokens, steps)),
        { numRuns: 16, endOnFailure: true },
      )
    })

    test('act as nobody else, keep a logout and drop no login, though tabs are frozen and killed in their calls', async t => {
      const history = historyOf([...CALLS, ...EVENTS, ...STOPS])
      await fc.assert(
        fc.asyncProperty(history, steps => check(t, tokens, steps)),
        { numRuns: 24, endOnFailure: true },
      )
    })
  })
