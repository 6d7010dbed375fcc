import type { AuthX, TokenType } from '../../../src/index.js'
import type { Stand } from './actor.js'
import type { Records } from './desk.js'
import type { Operation, Target } from './operations.js'
import { Aftermath, refresh, type Scene, SUBJECT, sidOf } from './scene.js'

/** What became of an operation. */
export interface Done extends Pick<Stand, 'outcome' | 'wasHit' | 'wentOn' | 'heard'> {
  readonly operation: Operation
  /** The operations that had answered before its first call took effect. */
  readonly after: readonly number[]
}

/** What is stored in the end. */
export interface Left {
  readonly records: Records
  /** Equal if the records are. */
  readonly name: number
}

/** What clients are told that come afterwards. Many schedules leave the same records, so it remembers what was answered. */
export class Witness {
  readonly #aftermath = new Aftermath()
  readonly #answers = new Map<string, Promise<unknown>>()

  accepts({ name, records }: Left, token: string, type: TokenType): Promise<boolean> {
    const ask = () => this.#aftermath.now(records, server => succeeds(server.verifyToken(token, { type })))
    return this.#once(`${name} accepts ${type} ${token}`, ask)
  }

  refreshes({ name, records }: Left, token: string): Promise<boolean> {
    const ask = () => this.#aftermath.now(records, server => succeeds(refresh(server, token)))
    return this.#once(`${name} refreshes ${token}`, ask)
  }

  refreshesLater({ name, records }: Left, token: string): Promise<boolean> {
    const ask = () => this.#aftermath.later(records, server => succeeds(refresh(server, token)))
    return this.#once(`${name} refreshes later ${token}`, ask)
  }

  /** Whether both refresh tokens are served, one an hour after the other. */
  refreshesInTurn({ name, records }: Left, first: string, second: string): Promise<boolean> {
    const ask = (token: string) => (server: AuthX) => succeeds(refresh(server, token))
    const both = () => this.#aftermath.inTurn(records, ask(first), ask(second))
    return this.#once(`${name} refreshes ${first} and ${second}`, both)
  }

  knows({ name, records }: Left, sid: string): Promise<boolean> {
    const ask = () => this.#aftermath.now(records, server => server.getSession(sid).then(Boolean))
    return this.#once(`${name} knows ${sid}`, ask)
  }

  listed({ name, records }: Left): Promise<readonly string[]> {
    const ask = () => this.#aftermath.now(records, server => server.listSessions(SUBJECT))
    return this.#once(`${name} lists`, () => ask().then(list => list.map(({ sid }) => sid)))
  }

  #once<T>(question: string, ask: () => Promise<T>): Promise<T> {
    const answer = (this.#answers.get(question) as Promise<T> | undefined) ?? ask()
    this.#answers.set(question, answer)
    return answer
  }
}

/** One session: of the beginning, or of a login of the run. */
export interface Known {
  readonly name: string
  readonly sid: string
  /** Refresh tokens that its clients have, the youngest last; and access tokens. */
  readonly refreshTokens: readonly string[]
  readonly accessTokens: readonly string[]
  /** The operation that opened it. */
  readonly login?: number
}

/** An end, and what can be asked about it. */
export class End {
  readonly sessions: readonly Known[]

  constructor(
    readonly done: readonly Done[],
    readonly left: Left,
    readonly scene: Scene,
    readonly witness: Witness,
  ) {
    const { phone, laptop, imported } = scene
    const handedOut = (target: Target) => done.filter(({ operation }) => operation.uses === target).flatMap(pairOf)
    const known = (name: Target, sid: string, pairs: readonly { access_token: string; refresh_token: string }[]) => {
      const all = [...pairs, ...handedOut(name)]
      return {
        name,
        sid,
        accessTokens: all.map(each => each.access_token),
        refreshTokens: all.map(each => each.refresh_token),
      }
    }
    const first = known('imported', imported.sid, [])
    const logins = done.flatMap((each, login) =>
      each.operation.isLogin
        ? pairOf(each).map(pair => ({
            name: `the session of login ${login + 1}`,
            sid: sidOf(pair.refresh_token),
            accessTokens: [pair.access_token],
            refreshTokens: [pair.refresh_token],
            login,
          }))
        : [],
    )
    this.sessions = [
      known('phone', phone.sid, phone.pairs),
      known('laptop', laptop.sid, [laptop.pair]),
      { ...first, refreshTokens: [imported.refreshToken, ...first.refreshTokens] },
      ...logins,
    ]
  }

  accepts(token: string, type: TokenType = 'access'): Promise<boolean> {
    return this.witness.accepts(this.left, token, type)
  }

  refreshes(token: string): Promise<boolean> {
    return this.witness.refreshes(this.left, token)
  }

  /** Whether somebody has been told that the session has ended. */
  hasEnded(session: Known): boolean {
    return this.done.some((each, by) => this.saidEnded(each, by, session))
  }

  saidEnded({ operation, outcome }: Done, by: number, { name, login }: Known): boolean {
    if (!outcome) return false
    if ('code' in outcome) return isRefusal(outcome.code) && operation.uses === name
    if (login === undefined) return operation.ends?.includes(name as Target) ?? false
    return operation.endsOthers === true && (this.done[by]?.after.includes(login) ?? false)
  }

  /** Whether an operation may have ended it, be it that nobody was told. `by`: none of the others counts. */
  mayHaveEnded({ name, login }: Known): boolean {
    return this.done.some(({ operation }, by) => {
      if (login !== undefined) return operation.endsOthers === true && !this.#wasDoneBefore(login, by)
      return operation.ends?.includes(name as Target) ?? this.#isFoundOut(operation, name)
    })
  }

  /** Two clients have the session: one uses the lost response, the other tries again. */
  #isFoundOut(operation: Operation, name: string): boolean {
    return name === 'phone' && this.recovers && usesLatest(operation)
  }

  /** Whether somebody presents the token before the lost response. */
  get recovers(): boolean {
    return this.scene.isLost && this.done.some(({ operation }) => isPredecessor(operation))
  }

  /** Whether a token is from the lost response, and a recovery may have voided it. */
  mayBeVoided(token: string): boolean {
    const { access_token, refresh_token } = this.scene.phone.pairs[2]
    return this.recovers && (token === access_token || token === refresh_token)
  }

  /** The refresh token of a client that got the latest response, or none and tries again. */
  honest({ name, refreshTokens }: Known): string {
    const isAnswered = this.done.some(each => isPredecessor(each.operation) && isDone(each))
    const isTriedAgain = name === 'phone' && this.recovers && !isAnswered
    return (isTriedAgain ? this.scene.phone.pairs[1].refresh_token : refreshTokens.at(-1)) ?? ''
  }

  /** What has failed may still be done. */
  #wasDoneBefore(login: number, by: number): boolean {
    return (this.done[login]?.after.includes(by) ?? false) && isDone(this.done[by] as Done)
  }
}

export const pairOf = ({ outcome }: Done) =>
  outcome && 'result' in outcome && outcome.result.pair ? [outcome.result.pair] : []
export const isPredecessor = ({ presents }: Operation) => presents === 1
/** Whether it uses the phone's latest tokens before the run, and so shows that somebody has got them. */
export const usesLatest = ({ uses, presents = 2 }: Operation) => uses === 'phone' && presents === 2
export const isRefusal = (code: string) => code === 'ERR_TOKEN_REVOKED' || code === 'ERR_TOKEN_REUSED'
export const isDone = ({ outcome }: Done) => outcome !== undefined && 'result' in outcome
const succeeds = (work: Promise<unknown>) =>
  work.then(
    () => true,
    () => false,
  )
