import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import Koa from 'koa'
import { AuthX, type AuthXOptions, type EventName, type TokenPair, type TokenStore } from '../../../src/index.js'
import { TestClock } from '../../../src/testing/index.js'
import type { Records } from './desk.js'

export const SUBJECT = 'ada'

/** When all operations run. */
export const NOW = Date.UTC(2026, 0, 1)

/** Longer than the grace period. */
const LATER_MS = 3_600_000

const EVENTS: readonly EventName[] = [
  ...(['issued', 'refreshed', 'replayed', 'recovered'] as const),
  ...(['reuse', 'revoked', 'allRevoked', 'storeError'] as const),
]

/** The predecessor of the current token is replayed for 60 s and then recovered. Its own predecessor is reuse. */
const OPTIONS = {
  secretKey: 'TEST_ONLY_secret_of_more_than_32_bytes_for_schedules',
  refreshGracePeriod: 60,
  accessTokenExpires: '1d',
  sessionTracking: true,
} satisfies AuthXOptions

/** The sessions before the operations: which they are, and what their clients hold. */
export interface Scene {
  readonly records: Records
  /** Whether nobody has used the phone's current tokens for so long that their predecessor is recovered, not replayed. */
  readonly isLost: boolean
  /** The session that most operations are about: its ids, its tokens, the current pair last. */
  readonly phone: { readonly sid: string; readonly pairs: readonly [TokenPair, TokenPair, TokenPair] }
  /** A session that only `revokeAllSessions` ends. */
  readonly laptop: { readonly sid: string; readonly pair: TokenPair }
  /** A refresh token that names no session: its first refresh opens one, of this id. */
  readonly imported: { readonly sid: string; readonly refreshToken: string }
}

const app = new Koa()
const socket = new Socket()

/** The context of a request that carries a token. */
export function requestWith(token: string): Koa.Context {
  const request = new IncomingMessage(socket)
  request.headers = { authorization: `Bearer ${token}` }
  return app.createContext(request, new ServerResponse(request))
}

const serverOn = (store: TokenStore, now: () => number, storeTimeout = 60_000) =>
  new AuthX({ ...OPTIONS, store, storeTimeout, now })

function answeringAtOnce(records: () => Map<string, string>): TokenStore {
  return {
    get: async keys => keys.map(key => records().get(key)),
    compareAndSet: async (key, expected, value) => {
      if (records().get(key) !== expected) return false
      records().set(key, value)
      return true
    },
  }
}

/** A server process. To make one takes long: when a run is over, the next puts its own store below it. */
export class Server {
  store: TokenStore = answeringAtOnce(() => new Map())
  readonly authx: AuthX
  /** Told of each event. */
  hear: (name: EventName, sid: string | undefined) => void = () => {}

  /**
   * @param secondsAhead how far its clock is ahead of the others'.
   * @param storeTimeout milliseconds.
   */
  constructor(secondsAhead = 0, storeTimeout = 60_000) {
    const store: TokenStore = {
      get: keys => this.store.get(keys),
      compareAndSet: (...write) => this.store.compareAndSet(...write),
    }
    this.authx = serverOn(store, () => NOW + secondsAhead * 1000, storeTimeout)
    for (const name of EVENTS) {
      this.authx.on(name, event => this.hear(name, 'sid' in event ? event.sid : undefined))
    }
  }
}

/** Servers for those who come when all is over: each question is asked of the records as they were left. */
export class Aftermath {
  #records = new Map<string, string>()
  readonly #store = answeringAtOnce(() => this.#records)
  readonly #now = serverOn(this.#store, () => NOW)
  readonly #later = serverOn(this.#store, () => NOW + LATER_MS)
  readonly #muchLater = serverOn(this.#store, () => NOW + 2 * LATER_MS)

  /** Ask a server whose clock says the time of the operations. */
  now<T>(records: Records, ask: (server: AuthX) => Promise<T>): Promise<T> {
    this.#records = new Map(records)
    return ask(this.#now)
  }

  /** Ask a server an hour after the operations. */
  later<T>(records: Records, ask: (server: AuthX) => Promise<T>): Promise<T> {
    this.#records = new Map(records)
    return ask(this.#later)
  }

  /** Ask a server an hour after the operations and, if it says yes, another one after one more hour. */
  async inTurn(
    records: Records,
    ask: (server: AuthX) => Promise<boolean>,
    then: (server: AuthX) => Promise<boolean>,
  ): Promise<boolean> {
    this.#records = new Map(records)
    return (await ask(this.#later)) && then(this.#muchLater)
  }
}

export const sidOf = (token: string) => {
  const { sid, jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  return String(sid ?? jti)
}

/** A refresh whose answer is in the body. */
export const refresh = (server: AuthX, token: string) => server.refresh(requestWith(token)) as Promise<TokenPair>

/** What happened to the response of the phone's last refresh. */
export type LastResponse = 'used' | 'just lost' | 'lost an hour ago'

/** Two refreshes of the phone, 1,000 s after each other. The second is still within the grace period, or an hour ago. */
export async function prepare(last: LastResponse = 'used'): Promise<Scene> {
  const isLost = last === 'lost an hour ago'
  const clock = new TestClock(NOW - (2000 + (isLost ? 3600 : 55)) * 1000)
  const records = new Map<string, string>()
  const server = serverOn(
    answeringAtOnce(() => records),
    clock.now,
  )
  const phone = await server.createTokenPair(SUBJECT)
  const laptop = await server.createTokenPair(SUBJECT)
  const former = await server.createTokenPair(SUBJECT)
  const refreshToken = server.createRefreshToken(SUBJECT)
  // It stays in the list, from where the next to read the list takes it.
  await server.revoke(former.access_token)
  clock.advance(1000)
  const second = await refresh(server, phone.refresh_token)
  clock.advance(1000)
  const third = await refresh(server, second.refresh_token)
  if (last === 'used') await server.verifyToken(third.access_token)
  return {
    records,
    isLost,
    phone: { sid: sidOf(phone.refresh_token), pairs: [phone, second, third] },
    laptop: { sid: sidOf(laptop.refresh_token), pair: laptop },
    imported: { sid: sidOf(refreshToken), refreshToken },
  }
}
