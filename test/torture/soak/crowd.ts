import type { Broken } from '../case.js'
import type { Told } from '../fleet/client.js'
import type { Clock } from '../fleet/clock.js'
import type { ApiProcess } from '../fleet/fleet.js'
import { type Random, randomOf, SEED } from '../fleet/random.js'
import type { Instance } from '../fleet/server.js'
import { claimsOf, type Tokens, tokensIn, Visitor, verdictOf } from '../fleet/visitor.js'

/** Seconds of compressed time. */
export const LIVES = {
  accessTokenExpires: 60,
  refreshTokenExpires: 300,
  sessionExpires: 900,
} satisfies Instance

/** Milliseconds for which a record outlives its last token, and for which the end of a session is remembered. */
const KEPT_AFTER_EXP = 600_000
/** Seconds for which the store has to hold what a session left there, from its login. */
export const KEPT_AT_MOST = LIVES.sessionExpires + KEPT_AFTER_EXP / 1000
/** Milliseconds for which an empty list is kept. */
const KEPT_EMPTY = 60_000

/** Until when the store has to hold what a session left there, milliseconds of compressed time. */
interface Trace {
  /** The session, or its tombstone. */
  record: number
  /** The list of its subject's sessions. */
  listing: number
}

/** People who log in, work, refresh, and log out or just go away; then the next one comes. */
export class Crowd {
  requests = 0
  refreshes = 0
  sessions = 0
  readonly #name: string
  readonly #server: ApiProcess
  readonly #clock: Clock
  readonly #broken: Broken
  readonly #restless: boolean
  readonly #working: Promise<unknown>
  readonly #traces: Trace[] = []
  #leaving = false

  /** `restless`: nobody pauses between one request and the next. */
  constructor(name: string, server: ApiProcess, clock: Clock, people: number, broken: Broken, restless = false) {
    this.#name = name
    this.#restless = restless
    this.#server = server
    this.#clock = clock
    this.#broken = broken
    this.#working = Promise.all(Array.from({ length: people }, (_, n) => this.#keepComing(randomOf(n))))
  }

  /** Resolves when the last one is gone. */
  async leave(): Promise<void> {
    this.#leaving = true
    await this.#working
  }

  /** How many sessions and tombstones there are that the store has to hold at `moment`. */
  sessionsOwed(moment: number): number {
    return this.#traces.filter(({ record }) => record > moment).length
  }

  /** The same with the lists, which it may miss: what a busy store has no time to list stays unlisted. */
  recordsOwed(moment: number): number {
    return this.sessionsOwed(moment) + this.#traces.filter(({ listing }) => listing > moment).length
  }

  async #keepComing(random: Random): Promise<void> {
    const place = { name: this.#name, processes: [this.#server], broken: this.#broken, tally: { unavailable: 0 } }
    while (!this.#leaving) {
      const sub = `somebody-${this.sessions++}`
      const visitor = new Visitor(place, random, `seed ${SEED}, ${sub}`)
      await visitor.trying(() => this.#stay(visitor, sub))
    }
  }

  async #stay(visitor: Visitor, sub: string): Promise<void> {
    const { random } = visitor
    const began = this.#clock.now()
    let tokens: Tokens | undefined = await visitor.login(sub)
    const had = [tokens.refresh]
    const trace = { record: keptUntil(tokens), listing: began + LIVES.sessionExpires * 1000 + KEPT_AFTER_EXP }
    this.#traces.push(trace)
    for (let left = random.between(3, 8); left > 0 && !this.#leaving; left--) {
      if (!this.#restless) await this.#clock.sleep(random.between(30, 90))
      await this.#work(visitor, tokens)
      const asked = this.#clock.now()
      tokens = await this.#refresh(visitor, tokens)
      if (!tokens) {
        trace.record = Math.min(trace.record, asked + KEPT_AFTER_EXP)
        break
      }
      had.push(tokens.refresh)
      trace.record = keptUntil(tokens)
    }
    const left = this.#clock.now()
    if (tokens && (await this.#goAway(visitor, tokens, had.at(-3)))) {
      trace.record = Math.min(trace.record, left + KEPT_AFTER_EXP)
      trace.listing = left + KEPT_EMPTY
    }
    this.requests++
  }

  async #work(visitor: Visitor, { access }: Tokens): Promise<void> {
    await this.#judged(visitor, access, () => visitor.call({ method: 'GET', path: '/protected', token: access }))
  }

  async #refresh(visitor: Visitor, { refresh }: Tokens): Promise<Tokens | undefined> {
    this.refreshes++
    return tokensIn(await this.#judged(visitor, refresh, () => visitor.refresh(refresh)))
  }

  /**
   * Some log out, some show a token that is used up, some are not seen again.
   * @returns whether the session has been ended.
   */
  async #goAway(visitor: Visitor, tokens: Tokens, usedUp: string | undefined): Promise<boolean> {
    const mood = visitor.random.fraction()
    if (mood < 0.3) return false
    this.requests += 3
    if (mood < 0.9 || !usedUp) await visitor.logout(tokens.access)
    else if (verdictOf(await visitor.refresh(usedUp)) !== 'ReusedTokenError') return false
    const verdicts = await visitor.guards(tokens)
    visitor.unless(!verdicts.includes('good'), 'a session that had been ended lives')
    return true
  }

  /**
   * Refused are only tokens whose time is over: on a busy machine compressed time runs away from people. Who tries again
   * after a 503 may have used the token up with the first try, and the grace period is over in the blink of an eye here.
   */
  async #judged(visitor: Visitor, token: string, ask: () => Promise<Told>): Promise<Told> {
    const before = visitor.unavailable
    const told = await ask()
    this.requests++
    const unavailable = visitor.unavailable - before
    const verdict = verdictOf(told)
    const allowed = [
      'good',
      // Between the check of its time and that of its session the end of both may come.
      ...(claimsOf(token).exp * 1000 <= this.#clock.now() ? ['TokenExpiredError', 'RevokedTokenError'] : []),
      ...(unavailable > 0 ? ['ReusedTokenError'] : []),
      // The second try has ended the session, and its answer was lost as well.
      ...(unavailable > 1 ? ['RevokedTokenError'] : []),
    ]
    visitor.unless(
      allowed.includes(verdict),
      `after ${unavailable} × 503 a token was answered with ${verdict} before its time was over`,
    )
    return told
  }
}

const keptUntil = ({ refresh }: Tokens) => claimsOf(refresh).exp * 1000 + KEPT_AFTER_EXP
