import { setTimeout as sleep } from 'node:timers/promises'
import { contentOf } from '../../support/signing.js'
import type { Broken } from '../case.js'
import type { Sent, Told } from './client.js'
import type { ApiProcess } from './fleet.js'
import type { Random } from './random.js'
import type { Steer } from './steering.js'

/** What a login or a refresh hands out. */
export interface Tokens {
  readonly access: string
  readonly refresh: string
}

/** Where visitors go: several processes of one API. */
export interface Place {
  readonly name: string
  readonly processes: readonly ApiProcess[]
  readonly broken: Broken
  /** Counts what is no breach and worth knowing: answers of 503, after each of which the client tried again. */
  readonly tally: { unavailable: number }
}

export interface Call extends Sent {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  /** Any process, if left out. */
  readonly at?: ApiProcess | undefined
}

export interface VisitorOptions {
  /** Which of the instances of each process. */
  readonly instance?: number
  /** It has no grace period. */
  readonly graceless?: boolean
}

/** After so many answers of 503 in a row a client gives up, which breaks a promise: nothing was wrong with the store. */
const MOST_TRIES = 50

/** One client in one round: it chooses among the processes, tries again after a 503, and keeps what it was told. */
export class Visitor {
  readonly place: Place
  readonly random: Random
  /** How many of its calls were answered with 503. */
  unavailable = 0
  /** Which of the instances of each process it asks. */
  instance: number
  readonly #label: string
  readonly #graceless: boolean
  readonly #routing: Random
  readonly #successors = new Map<string, string>()

  constructor(place: Place, random: Random, label: string, { instance = 0, graceless = false }: VisitorOptions = {}) {
    this.place = place
    this.random = random
    this.#label = `${place.name}, ${label}`
    this.instance = instance
    this.#graceless = graceless
    this.#routing = random.fork()
  }

  /** What was answered with 503 may have been done. Without a grace period its retry is a reuse, and ends the session. */
  get mayHaveEndedSession(): boolean {
    return this.#graceless && this.unavailable > 0
  }

  breaks(line: string): void {
    this.place.broken.add(`${this.#label}, ${this.unavailable} × 503: ${line}`)
  }

  unless(holds: boolean, line: string): void {
    if (!holds) this.breaks(line)
  }

  /** What `work` comes to. An error breaks a promise as well, and must not hide what was broken before. */
  async trying<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      this.breaks(String(error))
      return undefined
    }
  }

  /** The answer, which is not 503. */
  async call({ method = 'POST', path, at, ...sent }: Call): Promise<Told> {
    for (let tries = 1; ; tries++) {
      const { client } = at ?? this.#routing.pick(this.place.processes)
      const told = await client.call(method, `/${this.instance}${path}`, sent)
      if (told.status !== 503 || tries === MOST_TRIES) return told
      this.unavailable++
      this.place.tally.unavailable++
      await sleep(5 + this.#routing.between(0, 20))
    }
  }

  async login(sub: string, steer?: Steer): Promise<Told & Tokens> {
    const told = await this.call({ path: `/login/${sub}`, steer })
    this.unless(told.status === 200, `login was answered with ${told.status}`)
    return { ...told, ...(tokensIn(told) ?? { access: '', refresh: '' }) }
  }

  /** Answered with 200 or 401; two successors of one token break a promise. */
  async refresh(token: string, options: { steer?: Steer; at?: ApiProcess } = {}): Promise<Told> {
    const told = await this.call({ path: '/refresh', token, ...options })
    this.unless(told.status === 200 || told.status === 401, `refresh was answered with ${told.status}`)
    const given = tokensIn(told)
    if (given) this.keep(given.refresh)
    return told
  }

  /** A refresh token that has been used up ends its session; what was answered with 503 may have done so already. */
  async reuse(token: string, which: string): Promise<void> {
    const before = this.unavailable
    const verdict = verdictOf(await this.refresh(token))
    const ended = verdict === 'RevokedTokenError' && this.unavailable > before
    this.unless(verdict === 'ReusedTokenError' || ended, `${which} was answered ${verdict}`)
  }

  /** Answered with 204, be it done already or not. */
  async logout(token: string, steer?: Steer): Promise<Told> {
    const told = await this.call({ path: '/logout', token, steer })
    this.unless(told.status === 204, `logout was answered with ${told.status}`)
    return told
  }

  async revokeAll(sub: string, { steer, except }: { steer?: Steer; except?: string } = {}): Promise<Told> {
    const told = await this.call({ path: `/revoke-all/${sub}${except ? `?except=${except}` : ''}`, steer })
    this.unless(told.status === 204, `revokeAllSessions was answered with ${told.status}`)
    return told
  }

  /** Show both tokens to every process: whoever remembers what it has accepted does so from now on. */
  async show(tokens: Tokens): Promise<void> {
    const verdicts = (await Promise.all(this.place.processes.map(at => this.guards(tokens, at)))).flat()
    this.unless(
      this.mayHaveEndedSession || verdicts.every(each => each === 'good'),
      `the tokens of a live session should pass everywhere: ${verdicts.join(', ')}`,
    )
  }

  /** Both tokens pass their guards. */
  async live(tokens: Tokens, which: string): Promise<void> {
    const verdicts = await this.guards(tokens)
    this.unless(
      this.mayHaveEndedSession || verdicts.every(each => each === 'good'),
      `${which} should live: ${verdicts.join(', ')}`,
    )
  }

  /** Both tokens are refused as revoked: by their guards, and by refresh. To be taken for reused is not to be dead. */
  async dead(tokens: Tokens, which: string): Promise<void> {
    const guards = await this.guards(tokens)
    const verdicts = [...guards, verdictOf(await this.call({ path: '/refresh', token: tokens.refresh }))]
    this.unless(
      verdicts.every(each => each === 'RevokedTokenError'),
      `${which} should be dead: ${verdicts.join(', ')}`,
    )
  }

  /** What the guards of both tokens say, at processes that may be two. */
  guards({ access, refresh }: Tokens, at?: ApiProcess): Promise<string[]> {
    const ask = async (path: string, token: string) => verdictOf(await this.call({ method: 'GET', path, token, at }))
    return Promise.all([ask('/protected', access), ask('/refreshable', refresh)])
  }

  /** A refresh token that was handed out, or would have been. */
  keep(token: string): void {
    const { sid, gen } = claimsOf(token)
    const known = this.#successors.get(`${sid} ${gen}`)
    this.unless(known === undefined || known === token, `generation ${gen} was handed out twice, as different tokens`)
    this.#successors.set(`${sid} ${gen}`, token)
  }
}

/** `undefined` if the answer holds none. */
export function tokensIn({ status, body }: Pick<Told, 'status' | 'body'>): Tokens | undefined {
  if (status !== 200) return undefined
  return { access: String(body.access_token), refresh: String(body.refresh_token) }
}

export function claimsOf(token: string): { sid: string; gen: number; exp: number } {
  return contentOf(token).claims as { sid: string; gen: number; exp: number }
}

/** `good`, the name of the error, or the status if there is neither. */
export function verdictOf({ status, body }: Told): string {
  return status === 200 ? 'good' : String(body.error_type ?? status)
}
