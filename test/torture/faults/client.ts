import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../fleet/random.js'
import type { Answer, Target } from './target.js'
import type { Witness } from './witness.js'

/**
 * What a client was told about a session. `ending`: a logout was answered with 503, so that it may be over or not.
 * `dead`: a logout was acknowledged.
 */
type State = 'live' | 'ending' | 'dead'

/** What a store that comes back empty does to a session: nothing, the end, or either of them. */
type Fate = 'kept' | 'doomed' | 'open'

interface Session {
  readonly access: string[]
  /** The newest, and those used up for it, the last one last. */
  refresh: string
  readonly used: string[]
  /** A refresh was answered with 503: the newest token may have been used up. */
  unsure: boolean
  state: State
  fate: Fate
}

const REFUSED = [401]
const MOST_LIVE = 4
/** So many answers of 503 in a row mean that it did not recover. */
const MOST_TRIES = 40

/** One person with several sessions, who does one thing after the other, and remembers all that was answered. */
export class Client {
  readonly #target: Target
  readonly #witness: Witness
  readonly #random: Random
  readonly #sub: string
  readonly #sessions: Session[] = []
  readonly #successors = new Map<string, string>()
  /** The fate of sessions that begin now. */
  #fate: Fate = 'kept'
  /** What is answered with 503 may be done at any time later. */
  #lingers = false
  /** That is so of a revoke-all: whether sessions that begin now will be over is not known. */
  #revoking = false

  constructor(target: Target, witness: Witness, random: Random, sub: string) {
    this.#target = target
    this.#witness = witness
    this.#random = random
    this.#sub = sub
  }

  /** Goes on until `ended`. */
  async live(ended: () => boolean): Promise<void> {
    while (!ended()) {
      await this.#act()
      await sleep(this.#random.fraction() * 8)
    }
  }

  /** The store forgets everything, now or in a while. */
  forget(): void {
    for (const session of this.#sessions) session.fate = 'doomed'
    this.#fate = 'open'
  }

  /** It has forgotten, and keeps what is written from now on. */
  remember(): void {
    this.#fate = 'kept'
  }

  /** Whether what is answered with 503 from now on may be done later; nothing is when that is over. */
  linger(lingers: boolean): void {
    this.#lingers = lingers
    this.#revoking = false
  }

  /** Whether every operation succeeds. */
  async succeeds(): Promise<boolean> {
    if ((await this.#login()) !== 200) return false
    const session = this.#sessions.at(-1) as Session
    const statuses = [await this.#guard(session), await this.#refresh(session), await this.#logout(session)]
    return statuses.every(status => status < 300)
  }

  /** Begins a session and uses its access token, so that its guards need no writing any more. */
  async settles(): Promise<void> {
    await this.#insist(() => this.#login())
    await this.#insist(() => this.reads())
  }

  /** What a guard of the newest session says. */
  async reads(): Promise<number> {
    const session = this.#sessions.at(-1)
    return session ? this.#guard(session) : 503
  }

  /** A token of a session that lives as far as is known. */
  get access(): string | undefined {
    return this.#of('live').at(-1)?.access.at(-1)
  }

  /** Whether all that was ever acknowledged holds; what is unsure is made sure. */
  async holds(): Promise<void> {
    for (const session of this.#sessions) {
      if (session.state === 'ending') await this.#insist(() => this.#logout(session))
      if (session.state === 'dead') await this.#refused(session)
      else if (session.fate === 'kept') await this.#good(session)
      else if (session.fate === 'doomed') await this.#refused(session)
      else await this.#consistent(session)
    }
  }

  #of(state: State): Session[] {
    return this.#sessions.filter(session => session.state === state)
  }

  async #act(): Promise<unknown> {
    const dice = this.#random.fraction()
    const live = this.#of('live')
    const ending = this.#of('ending')
    // What a store that only reads has not ended lets its owner pass.
    if (live.length === 0 && ending.length > 0 && dice < 0.5) return this.#guard(this.#random.pick(ending))
    if (live.length === 0 || (dice < 0.08 && live.length < MOST_LIVE)) return this.#login()
    if (dice < 0.02 + 0.08) return this.#revokeAll()
    const session = this.#random.pick(live)
    const dead = this.#of('dead')
    if (dice < 0.3) return this.#refresh(session)
    if (dice < 0.35) return this.#replay(session)
    if (dice < 0.42) return this.#logout(session)
    if (dice < 0.5 && ending.length > 0) return this.#logout(this.#random.pick(ending))
    if (dice < 0.7 && dead.length > 0) return this.#tryDead(this.#random.pick(dead))
    return this.#guard(session)
  }

  async #login(): Promise<number> {
    const state = this.#revoking ? 'ending' : 'live'
    const answer = await this.#ask('login', `/login/${this.#sub}`, undefined, [200])
    if (answer.status === 200) {
      const { access, refresh } = tokensIn(answer)
      this.#sessions.push({ access: [access], refresh, used: [], unsure: false, state, fate: this.#fate })
    }
    return answer.status
  }

  async #guard(session: Session): Promise<number> {
    const { status } = await this.#ask(
      'guard',
      '/protected',
      this.#random.pick(session.access),
      this.#expected(session),
    )
    return status
  }

  async #refresh(session: Session): Promise<number> {
    const token = session.refresh
    // What was used up without our knowing is a replay.
    const what = session.unsure ? 'refresh again' : 'refresh'
    const answer = await this.#ask(what, '/refresh', token, this.#expected(session))
    if (answer.status === 503) session.unsure = true
    if (answer.status !== 200) return answer.status
    this.#given(session, token, answer)
    session.used.push(token)
    session.refresh = tokensIn(answer).refresh
    session.unsure = false
    return 200
  }

  /** The direct predecessor again, inside the grace period: the same successor. */
  async #replay(session: Session): Promise<void> {
    const token = session.used.at(-1)
    if (token === undefined || session.unsure) return
    const answer = await this.#ask('replay', '/refresh', token, this.#expected(session))
    if (answer.status === 200) this.#given(session, token, answer)
  }

  #given(session: Session, token: string, answer: Answer): void {
    const { access, refresh } = tokensIn(answer)
    const known = this.#successors.get(token)
    this.#witness.broken.unless(known === undefined || known === refresh, `${this.#sub}: a token has two successors`)
    this.#witness.broken.unless(session.state === 'live', `${this.#sub}: a session that is over was refreshed`)
    this.#successors.set(token, refresh)
    session.access.push(access)
  }

  async #logout(session: Session): Promise<number> {
    const what = session.state === 'ending' ? 'logout again' : 'logout'
    const { status } = await this.#ask(what, '/logout', session.access.at(-1), [204])
    if (status === 204) session.state = 'dead'
    else if (status === 503) session.state = 'ending'
    return status
  }

  async #revokeAll(): Promise<void> {
    const { status } = await this.#ask('revoke-all', `/revoke-all/${this.#sub}`, undefined, [204])
    if (status !== 204 && status !== 503) return
    this.#revoking = this.#lingers && status === 503
    for (const session of this.#sessions) {
      if (session.state !== 'dead') session.state = status === 204 ? 'dead' : 'ending'
    }
  }

  /** One of its tokens, at a guard or to refresh it. */
  async #tryDead({ access, refresh, used }: Session): Promise<void> {
    if (this.#random.chance(0.5)) await this.#ask('guard (dead)', '/protected', this.#random.pick(access), REFUSED)
    else await this.#ask('refresh (dead)', '/refresh', this.#random.pick([refresh, ...used]), REFUSED)
  }

  #expected({ fate, state }: Session): readonly number[] {
    return fate === 'kept' && state === 'live' ? [200] : [200, 401]
  }

  async #good(session: Session): Promise<void> {
    for (const token of session.access.slice(-3)) {
      await this.#insist(async () => (await this.#ask('guard (at the end)', '/protected', token, [200])).status)
    }
    await this.#insist(() => this.#refresh(session))
  }

  async #refused({ access, refresh, used }: Session): Promise<void> {
    for (const token of access.slice(-3)) {
      await this.#insist(async () => (await this.#ask('guard (dead, at the end)', '/protected', token, REFUSED)).status)
    }
    for (const token of [refresh, ...used.slice(-1)]) {
      await this.#insist(async () => (await this.#ask('refresh (dead, at the end)', '/refresh', token, REFUSED)).status)
    }
  }

  /** Either everything of it is good or everything is refused. */
  async #consistent(session: Session): Promise<void> {
    const one = await this.#insist(() => this.#guard(session))
    const other = await this.#insist(() => this.#refresh(session))
    this.#witness.broken.unless(one === other, `${this.#sub}: guard says ${one} and refresh ${other}`)
  }

  /** What it comes to when the store answers. */
  async #insist(ask: () => Promise<number>): Promise<number> {
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      const status = await ask()
      if (status !== 503) return status
      await sleep(25)
    }
    this.#witness.broken.add(`${this.#sub}: still 503 after ${MOST_TRIES} tries`)
    return 503
  }

  async #ask(what: string, path: string, token: string | undefined, expected: readonly number[]): Promise<Answer> {
    const method = path === '/protected' ? 'GET' : 'POST'
    const when = this.#witness.circumstances
    const answer = await this.#target.call(method, path, token)
    this.#witness.hear(`${what} by ${this.#sub}`, answer, expected, when)
    return answer
  }
}

function tokensIn({ body }: Answer): { access: string; refresh: string } {
  return { access: String(body.access_token), refresh: String(body.refresh_token) }
}
