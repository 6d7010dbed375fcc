/**
 * The states of a login in a browser: what the client knows, what comes in, and what follows. Each function returns what
 * is known afterwards. Pure: no clock, no network, no storage. Everything else in this folder serves this file.
 */
import { claimsOf } from './claims.js'
import type { ClientEvent, ClientEventType } from './events.js'

/** The state of the login. The same frozen object until something in it changes, or another login begins. */
export interface ClientState {
  /**
   * `'loading'`: not known yet, see `ready`. `'authenticated'`: a user is logged in, as far as the client knows.
   * `'unauthenticated'`: nobody is.
   */
  readonly status: 'loading' | 'authenticated' | 'unauthenticated'
  /** Claims of the access token in memory, decoded but not verified. Missing with `cookies`, and without a token. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** The `error_type` that ended the last login, such as `RevokedTokenError`. Missing after a call of `logout()`. */
  readonly reason?: string
}

/** What an answer to a login or a refresh says. It contains only tokens that are not in cookies. */
export interface Tokens {
  readonly access_token?: string
  readonly refresh_token?: string
  /** The CSRF value, from a server with `csrfInCookies: false`. */
  readonly csrf_token?: string
  readonly expires_in?: number | undefined
  /** When the access token ends, on a monotonic clock. Undefined if the server does not say so. */
  readonly endsAt?: number | undefined
}

/** What a client knows of the login. */
export interface Known {
  readonly state: ClientState
  /** The CSRF value of the login: it stays the same until the login ends. Undefined if there is none to read. */
  readonly id?: string | undefined
  /** All CSRF values of refresh tokens in cookies that the page can read: there is one for each path and domain. */
  readonly seen: readonly string[]
  /** CSRF values of logins that have ended. Their cookies may still exist. */
  readonly ended: readonly unknown[]
  /** The tokens in memory. Another object each time that they were renewed, here or in a tab with the same cookies. */
  readonly tokens: Tokens
  /** Whether the login may have ended: it is known only from a message, or it has no CSRF value and a logout was told. */
  readonly isDoubtful?: boolean | undefined
  /** Number of times that a login has begun or ended. */
  readonly logins: number
  /** The last event to tell. */
  readonly told?: readonly [ClientEventType, ClientEvent]
}

/** A message of another tab. It contains no token. */
export interface Message {
  readonly type: ClientEventType
  readonly reason?: string | undefined
  /** The login that the message is about: see `digestOf`. */
  readonly id?: string | undefined
  /** Seconds that the new access token is valid. */
  readonly expires_in?: number | undefined
}

const IN = 'authenticated'
const OUT = 'unauthenticated'

export const START: Known = { state: { status: 'loading' }, seen: [], ended: [], tokens: {}, logins: 0 }

export const isLoggedIn = ({ state }: Known): boolean => state.status === IN

/** Whether no login has begun or ended since. */
export const isSameLogin = (known: Known, since: Known): boolean => known.logins === since.logins

/** A text that differs from login to login, and that is of no use for anything else. */
export function digestOf({ id, state }: Known): string | undefined {
  const text = id ?? state.claims?.sid
  return typeof text === 'string' ? text.slice(0, 8) : undefined
}

/** The user logs in now. What was told while nobody was logged in is not about this login. */
export const beforeLogin = (known: Known): Known => (isLoggedIn(known) ? known : { ...known, isDoubtful: false })

/** The cookies were read: these are the CSRF values in them. During a login of this client, new ones are its own. */
export function afterCookies(known: Known, seen: readonly string[], isLoggingIn: boolean): Known {
  const after = { ...known, seen }
  // The first look, or the first cookie of a login that is known already.
  const isFirst = isLoggedIn(known) ? !known.id : known.state.status !== OUT
  const id = live(after).find(value => isFirst || !known.seen.includes(value))
  if (isLoggingIn || !id || known.tokens.csrf_token || seen.includes(known.id as string)) return after
  return isFirst ? { ...afterStorage(after), id, isDoubtful: false } : other(after, id)
}

/** A login that lives was found: by a cookie, or a refresh token in the storage. */
export const afterStorage = (known: Known, tokens: Tokens = {}): Known => ({
  ...known,
  state: stateOf(known, IN, known.state.claims),
  tokens: { ...known.tokens, ...tokens },
})

/** All that can be read was read. */
export const afterReading = (known: Known): Known =>
  known.state === START.state ? { ...known, state: stateOf(known, OUT) } : known

/** An answer to a request that was sent when `since` was known. `accepted`: the CSRF value of the request. */
export function afterAnswer(
  known: Known,
  since: Known,
  isLogin: boolean,
  tokens: Tokens,
  accepted: string | undefined,
  now: number,
): Known {
  // The answer is about a login that is over.
  if (!isLogin && !isSameLogin(known, since)) return known
  const { state, seen, ended } = known
  const claims = tokens.access_token ? claimsOf(tokens.access_token) : undefined
  const isOther = !isLogin && state.claims !== undefined && loginIn(claims) !== loginIn(state.claims)
  const own = isLogin ? seen.find(value => !since.seen.includes(value)) : accepted
  const id = tokens.csrf_token ?? own ?? live(known)[0] ?? seen[0]
  const isBegun = isLogin || isOther
  const before = isBegun ? fresh(known) : known
  return {
    ...before,
    state: stateOf(isBegun ? START : known, IN, claims),
    id,
    isDoubtful: isLogin && !id && known.isDoubtful,
    ended: ended.filter(value => value !== id),
    // A server without a store does not rotate the refresh token.
    tokens: { ...before.tokens, ...tokens, ...endOf(tokens, now) },
    told: [isBegun ? 'login' : 'refresh', event(isOther)],
  }
}

/** The login has ended: by a logout, or by the refusal of a refresh, sent when `since` was known. */
export const afterEnd = (known: Known, since: Known, reason?: string): Known =>
  isSameLogin(known, since) ? nobody(known, false, reason) : known

/**
 * Another tab has told something. What the cookies say was noticed before: a message may be late, or of somebody else, so
 * it only adds to them. `isShared`: all tabs use the same access token. `isLoggingIn`: a login of this client is under way.
 */
export function afterMessage(
  known: Known,
  message: Message,
  isShared: boolean,
  now: number,
  isLoggingIn: boolean,
): Known {
  const { type, reason, id } = message
  const isLogin = type === 'login'
  const own = digestOf(known)
  // It comes after the logout of the same login.
  const isOld = isLogin && id !== undefined && known.ended.some(value => String(value).slice(0, 8) === id)
  const isLate =
    isOld || (id && own ? isLogin === (id === own) : type !== 'refresh' && known.seen.includes(known.id as string))
  if (isLate || (isLogin ? live(known).length : !isLoggedIn(known)))
    // There is nothing to compare, or the answer to the login is not here yet: the logout may be of this one.
    return type === 'logout' && (isLoggingIn || !own) ? { ...known, isDoubtful: true } : known
  if (isLogin) return other(known)
  if (type === 'logout') return nobody(known, true, reason)
  return {
    ...known,
    ...(isShared && { tokens: { ...known.tokens, ...endOf(message, now) } }),
    told: [type, event(true)],
  }
}

const event = (elsewhere: boolean, reason?: string): ClientEvent => ({ elsewhere, ...(reason && { reason }) })

/** Forgets what belongs to one login. */
const fresh = (known: Known): Known => ({
  ...known,
  id: undefined,
  isDoubtful: false,
  tokens: {},
  logins: known.logins + 1,
})

const other = (known: Known, id?: string): Known => ({
  ...fresh(known),
  state: stateOf(START, IN),
  id,
  isDoubtful: !id,
  told: ['login', event(true)],
})

const nobody = (known: Known, elsewhere: boolean, reason?: string): Known => ({
  ...fresh(known),
  state: stateOf(known, OUT, undefined, reason),
  ended: [...known.ended, ...known.seen, known.id],
  told: ['logout', event(elsewhere, reason)],
})

function stateOf({ state }: Known, status: ClientState['status'], claims?: ClientState['claims'], reason?: string) {
  const isSame = state.status === status && state.claims === claims && state.reason === reason
  return isSame ? state : Object.freeze({ status, ...(claims && { claims }), ...(reason && { reason }) })
}

/** The CSRF values that are not of a login that has ended. */
const live = ({ seen, ended }: Known) => seen.filter(value => !ended.includes(value))

const loginIn = (claims: ClientState['claims']) => claims?.sid ?? claims?.sub

/** `parseFloat`, because null is not a time. */
const endOf = ({ expires_in }: Tokens, now: number): Tokens => ({
  expires_in,
  endsAt: now + Number.parseFloat(String(expires_in)) * 1000 || undefined,
})
