/**
 * The states of a login in a browser: what the client knows, what came in, and what follows. Pure: no clock, no
 * network, no storage. Everything else in this folder serves this file.
 */
import { claimsOf } from './claims.js'
import type { ClientEvent, ClientEventType } from './events.js'

/** What a client knows of the login. */
export interface Known {
  readonly status: 'loading' | 'authenticated' | 'unauthenticated'
  /** The `error_type` that ended the last login. */
  readonly reason?: string | undefined
  /** The CSRF value of the login: it stays the same until the login ends. Undefined if there is none to read. */
  readonly id?: string | undefined
  /** All CSRF values of refresh tokens in cookies that the page can read: there is one for each path and domain. */
  readonly seen: readonly string[]
  /** CSRF values of logins that have ended. Their cookies may still exist. */
  readonly ended: readonly unknown[]
  /** The access token in memory, and its claims, not verified. */
  readonly access?: string | undefined
  readonly claims?: Readonly<Record<string, unknown>> | undefined
  /** The refresh token in memory. */
  readonly refresh?: string | undefined
  /** CSRF value from a response body, of a server with `csrfInCookies: false`. */
  readonly csrf?: string | undefined
  /** When the access token ends, and from when on it is renewed before a request, on a monotonic clock. */
  readonly endsAt?: number | undefined
  readonly renewAt?: number | undefined
  /** Whether the end of this access token was told. */
  readonly isEndTold?: boolean | undefined
  /** Number of logins and logouts. */
  readonly logins: number
  /** Number of times that the tokens were renewed. */
  readonly renewals: number
  /** Whether a login of this client is under way. Cookies that change now are its own. */
  readonly isLoggingIn?: boolean
}

/** What the server answered to a login or a refresh. */
export interface Answer {
  readonly access?: string | undefined
  readonly refresh?: string | undefined
  readonly csrf?: string | undefined
  /** The CSRF value that the server accepted. */
  readonly accepted?: string | undefined
  readonly lifeMs: number
}

/** A message of another tab. It contains no token. */
export interface Message {
  readonly type: ClientEventType
  readonly reason?: string | undefined
  /** Digest of the login that the message is about. */
  readonly id?: number | undefined
  /** How long the new access token lives. */
  readonly lifeMs?: number | undefined
}

/** What came in. `since`: what the client knew when it sent the request. `now`: monotonic milliseconds. */
export type Input =
  | { readonly type: 'cookies'; readonly seen: readonly string[] }
  | { readonly type: 'stored'; readonly refresh: string }
  | { readonly type: 'ready' }
  | { readonly type: 'sending'; readonly isLoggingIn: boolean }
  | ({
      readonly type: 'login' | 'refresh'
      readonly since: Known
      readonly now: number
      readonly marginMs: number
    } & Answer)
  | { readonly type: 'end'; readonly since: Known; readonly reason?: string | undefined }
  | {
      readonly type: 'heard'
      readonly message: Message
      readonly now: number
      readonly marginMs: number
      /** Whether all tabs use the same access token. */
      readonly isShared: boolean
    }
  | { readonly type: 'time'; readonly now: number }

/** What follows: what the client knows now, and the event to tell. */
export interface Step {
  readonly known: Known
  readonly told?: ClientEvent & { readonly type: ClientEventType }
}

export const START: Known = { status: 'loading', seen: [], ended: [], logins: 0, renewals: 0 }

export function step(known: Known, input: Input): Step {
  switch (input.type) {
    case 'cookies':
      return afterCookies({ ...known, seen: input.seen })
    case 'stored':
      return { known: { ...known, status: 'authenticated', refresh: input.refresh } }
    case 'ready':
      return { known: known.status === 'loading' ? { ...known, status: 'unauthenticated' } : known }
    case 'sending':
      return { known: { ...known, isLoggingIn: input.isLoggingIn } }
    case 'end':
      // The answer is about a login that is over: another one has begun since.
      if (!isSameLogin(known, input.since)) return { known }
      return { known: nobody(known, input.reason), told: { type: 'logout', ...of(false, input.reason) } }
    case 'heard':
      return afterMessage(known, input)
    case 'time':
      if (known.isEndTold || known.endsAt === undefined || input.now < known.endsAt) return { known }
      return { known: { ...known, isEndTold: true }, told: { type: 'expired', elsewhere: false } }
    default:
      return afterAnswer(known, input)
  }
}

/** Whether no login has begun or ended since. */
export const isSameLogin = (known: Known, since: Known): boolean => known.logins === since.logins

/** A number that differs from login to login, and that tells nobody the CSRF value. */
export function digestOf({ id, claims }: Known): number | undefined {
  const text = id ?? claims?.sid
  if (typeof text !== 'string') return undefined
  return [...text].reduce((digest, character) => (digest * 31 + character.charCodeAt(0)) | 0, 0)
}

/** Forgets all that belongs to one login. */
const forget = (known: Known): Known => ({
  status: 'unauthenticated',
  seen: known.seen,
  ended: known.ended,
  logins: known.logins + 1,
  renewals: known.renewals + 1,
  isLoggingIn: known.isLoggingIn ?? false,
})

const nobody = (known: Known, reason?: string): Known => ({
  ...forget(known),
  reason,
  ended: [...known.ended, ...known.seen, known.id],
})

const somebody = (known: Known, id?: string): Known => ({ ...forget(known), status: 'authenticated', id })

const of = (elsewhere: boolean, reason?: string): ClientEvent => ({
  elsewhere,
  ...(reason !== undefined && { reason }),
})

/** The CSRF values that are not of a login that has ended. */
const live = ({ seen, ended }: Known) => seen.filter(value => !ended.includes(value))

function afterCookies(known: Known): Step {
  const [id] = live(known)
  const { status, isLoggingIn, seen, csrf } = known
  if (isLoggingIn || id === undefined || csrf !== undefined || seen.includes(known.id as string)) return { known }
  // The first look, or the first cookie of a login that is already known.
  if (status === 'loading' || (status === 'authenticated' && known.id === undefined))
    return { known: { ...known, status: 'authenticated', id } }
  return { known: somebody(known, id), told: { type: 'login', elsewhere: true } }
}

function afterAnswer(known: Known, input: Input & { type: 'login' | 'refresh' }): Step {
  const { type, since, access, refresh, csrf, accepted, lifeMs, now, marginMs } = input
  const isLogin = type === 'login'
  if (!isLogin && !isSameLogin(known, since)) return { known }
  const claims = access === undefined ? undefined : claimsOf(access)
  const isOther = !isLogin && known.claims !== undefined && loginIn(claims) !== loginIn(known.claims)
  const fresh = isLogin ? known.seen.find(value => !since.seen.includes(value)) : accepted
  const id = csrf ?? fresh ?? live(known)[0] ?? known.seen[0]
  const before = isLogin || isOther ? forget(known) : known
  return {
    known: {
      ...before,
      status: 'authenticated',
      reason: undefined,
      id,
      ended: known.ended.filter(value => value !== id),
      access,
      claims,
      // A server without a store does not rotate the refresh token.
      refresh: refresh ?? before.refresh,
      csrf,
      ...lifeOf(lifeMs, now, marginMs),
      renewals: known.renewals + 1,
    },
    told: { type: isOther ? 'login' : type, elsewhere: isOther },
  }
}

const loginIn = (claims: Known['claims']) => claims?.sid ?? claims?.sub

const lifeOf = (lifeMs: number, now: number, marginMs: number) => ({
  endsAt: lifeMs > 0 ? now + lifeMs : undefined,
  renewAt: lifeMs > 0 ? now + lifeMs - Math.min(marginMs, lifeMs / 2) : undefined,
  isEndTold: false,
})

function afterMessage(known: Known, { message, now, marginMs, isShared }: Input & { type: 'heard' }): Step {
  const { type, reason, id, lifeMs = 0 } = message
  const own = digestOf(known)
  const isKnown = id !== undefined && own !== undefined
  // What the cookies say was noticed before. A message may be late, or of somebody else: it only adds to them.
  const isLate = isKnown
    ? (type === 'login') === (id === own)
    : type !== 'refresh' && known.seen.includes(known.id as string)
  const told = { type, ...of(true, reason) }
  if (isLate || (type === 'login' && live(known).length > 0)) return { known }
  if (type === 'login') return { known: somebody(known), told }
  if (known.status !== 'authenticated') return { known }
  if (type === 'logout') return { known: nobody(known, reason), told }
  if (!isShared) return { known, told }
  return { known: { ...known, ...lifeOf(lifeMs, now, marginMs), renewals: known.renewals + 1 }, told }
}
