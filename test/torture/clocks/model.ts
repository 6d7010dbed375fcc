import { createSecretKey } from 'node:crypto'
import { errorOf } from '../hostile/answers.js'
import { afterExchange, exchangeOf, type Periods } from '../reference/exchange-rules.js'
import type { RawAnswer } from '../reference/raw-client.js'
import { contentOf } from '../reference/signing.js'
import { type Json, readToken, type TokenRules } from '../reference/token-rules.js'
import { cutoffKey, emptyWorld, judge, type KnownSession, type World } from '../reference/world.js'
import { SECRET } from './machine.js'

/** Options that have to do with time; seconds. */
export interface Settings {
  readonly leeway: number
  readonly grace: number
  /** How long after its exchange a used-up token gets other tokens, if nobody has used those that it got. */
  readonly recovery: number
  readonly accessLife: number
  readonly refreshLife: number
  readonly sessionLife: number
}

/** What a client asks for. `about`: a token, or the name of whom it is about. */
export interface Ask {
  readonly what: 'login' | 'single' | 'everywhere' | 'guard' | 'refreshable' | 'refresh' | 'logout'
  readonly about: string
}

/** What it asked for, what it was told, and what the clock of the server said meanwhile. */
export interface Told extends Ask {
  readonly now: number
  readonly answer: RawAnswer
}

const KEY = { key: createSecretKey(Buffer.from(SECRET)) }

/** What the servers must have in common, as whoever has heard all their answers knows it. */
export class Model {
  readonly #settings: Settings
  #world: World

  constructor(settings: Settings, world: World = emptyWorld()) {
    this.#settings = settings
    this.#world = world
  }

  /** The session that a token is of. */
  sessionOf(token: string): KnownSession | undefined {
    return this.#world.sessions.get(String(contentOf(token).sid))
  }

  /**
   * Take in what was told at the same time: there must be an order in which each answer is the one that is due.
   * @returns what is wrong if there is none.
   */
  take(told: readonly Told[]): string | undefined {
    const faults: string[] = []
    for (const order of ordersOf(told)) {
      const attempt = new Model(this.#settings, copyOf(this.#world))
      const fault = order.map(each => attempt.#takeOne(each)).find(each => each !== undefined)
      if (fault === undefined) {
        this.#world = attempt.#world
        return undefined
      }
      faults.push(fault)
    }
    return faults.length > 1 ? `in no order: ${[...new Set(faults)].join(' / ')}` : faults[0]
  }

  #takeOne(told: Told): string | undefined {
    const { what, about, now, answer } = told
    if (what === 'everywhere') return this.#cutOff(about, now, answer)
    if (what === 'login' || what === 'single') return this.#begun(about, now, answer)
    if (what === 'logout') return this.#loggedOut(about, answer)
    const type = what === 'guard' ? 'access' : 'refresh'
    const rules = this.#rulesAt(now)
    const { good, reasons, payload } = judge(readToken(about, rules), this.#world, rules, {
      type,
      ...this.#periods(),
    })
    const passed = answer.status === 200
    if (passed && (good === 'no' || !payload)) return `${what} passed, and should be ${reasons}`
    if (!passed && good === 'yes') return `${what} was refused with ${answer.status} ${errorOf(answer)}`
    if (!passed && (answer.status !== 401 || !reasons.includes(errorOf(answer))))
      return `${what} was refused with ${answer.status} ${errorOf(answer)}, and should be ${reasons}`
    if (what === 'refreshable') return undefined
    if (!passed || !payload) return this.#afterRefusal(about, answer)
    return what === 'guard' ? this.#used(payload) : this.#exchanged(payload, now, answer)
  }

  #periods(): Periods {
    return { graceMs: this.#settings.grace * 1000, recoveryMs: this.#settings.recovery * 1000 }
  }

  #rulesAt(now: number): TokenRules {
    return { now: () => now, algorithms: ['HS256'], keys: [KEY], leeway: this.#settings.leeway }
  }

  #cutOff(sub: string, now: number, { status }: RawAnswer): string | undefined {
    const key = cutoffKey(sub, undefined)
    this.#world.cutoffs.set(key, Math.max(now, (this.#world.cutoffs.get(key) ?? 0) + 1))
    return status === 204 ? undefined : `everywhere was answered with ${status}`
  }

  #begun(sub: string, now: number, answer: RawAnswer): string | undefined {
    if (answer.status !== 200) return `login was answered with ${answer.status}`
    const { access_token, refresh_token } = tokensIn(answer)
    const expiresAt = now + this.#settings.sessionLife * 1000
    if (refresh_token === undefined) return undefined
    const { sid, jti, gen } = contentOf(refresh_token)
    const cutoff = this.#world.cutoffs.get(cutoffKey(sub, undefined)) ?? 0
    this.#world.sessions.set(String(sid), {
      sub,
      gen: Number(gen),
      jti: String(jti),
      expiresAt,
      cutoff,
      rotatedAt: now,
    })
    return [access_token, refresh_token].map(token => outlives(token, expiresAt)).find(each => each !== undefined)
  }

  #loggedOut(token: string, { status }: RawAnswer): string | undefined {
    const { sid, jti } = contentOf(token)
    this.#world.revoked.add(String(sid ?? jti))
    return status === 204 ? undefined : `logout was answered with ${status}`
  }

  /** Whoever shows an access token has received the answer that it came with. */
  #used({ sid, gen }: Json): undefined {
    const session = this.#world.sessions.get(String(sid))
    if (session && session.gen === gen) this.#world.sessions.set(String(sid), { ...session, isUnused: false })
  }

  #exchanged(presented: Json, now: number, answer: RawAnswer): string | undefined {
    const { sessions } = this.#world
    const sid = String(presented.sid)
    const session = sessions.get(sid)
    const { access_token, refresh_token } = tokensIn(answer)
    if (!session || refresh_token === undefined) return 'refresh gave no refresh token'
    const { gen, jti, sid: given } = contentOf(refresh_token)
    if (given !== sid) return 'refresh gave a token of another session'
    const from = Number(presented.gen)
    const periods = this.#periods()
    const exchange = from === session.gen ? 'rotate' : exchangeOf(from, session, now, periods)
    const after = afterExchange(session, exchange, from, now, periods)
    sessions.set(sid, { ...after, jti: String(jti) })
    if (exchange === 'replay') {
      return gen === session.gen && jti === session.jti ? undefined : 'a generation has two successors'
    }
    if (gen !== after.gen) return `${exchange} gave generation ${gen} after ${session.gen}`
    return [access_token, refresh_token]
      .map(token => outlives(token, session.expiresAt))
      .find(each => each !== undefined)
  }

  /** A used-up refresh token ends its session, and so does an access token from an answer that was lost. */
  #afterRefusal(token: string, answer: RawAnswer): undefined {
    if (errorOf(answer) === 'ReusedTokenError') this.#world.revoked.add(String(contentOf(token).sid))
  }
}

/** Nothing of a session is good after its end, so nothing of it may say so. */
function outlives(token: string | undefined, expiresAt: number): string | undefined {
  if (token === undefined) return 'a token is missing'
  return Number(contentOf(token).exp) * 1000 > expiresAt ? 'a token outlives its session' : undefined
}

export function tokensIn({ body }: RawAnswer): { access_token?: string; refresh_token?: string } {
  return JSON.parse(body) as { access_token?: string; refresh_token?: string }
}

const copyOf = ({ sessions, revoked, cutoffs }: World): World => ({
  sessions: new Map(sessions),
  revoked: new Set(revoked),
  cutoffs: new Map(cutoffs),
})

function ordersOf<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]]
  return list.flatMap((first, n) => ordersOf([...list.slice(0, n), ...list.slice(n + 1)]).map(rest => [first, ...rest]))
}
