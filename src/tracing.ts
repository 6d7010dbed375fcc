import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import type { TokenLocation, TokenType } from './config/options.js'
import { debug } from './debug.js'
import { issuerOf } from './token/own.js'
import type { TokenPayload } from './token/payload.js'

/**
 * Data about the check of a token by a guard, `middleware()`, `verifyToken` or `authenticateUpgrade`. The ids are set
 * after they are verified.
 */
export interface VerifyTrace {
  /** The expected type of the token. */
  readonly type: TokenType
  /** The location of the token. `undefined` if there is no token, or no request. */
  location?: TokenLocation
  /** The id of the token. */
  jti?: string
  /** The session of the token. */
  sid?: string
  /** The subject of the token. */
  sub?: string
  /** The issuer of the option `issuers` that has signed the token. Then `jti`, `sid` and `sub` are its ids, not ours. */
  issuer?: string
  /** The error if the token was rejected. */
  error?: unknown
}

/** Data about one operation on the store, including all its calls and retries. */
export interface StoreTrace {
  /**
   * `open`, `check`, `watch`, `rotate`, `reauthenticate`, `revoke`, `revokeSession`, `revokeAll`, `logout` (of an
   * issuer), `list` or `find`.
   */
  readonly operation: string
  /** The error if the operation failed. */
  error?: unknown
}

/** Data about a refresh. The ids are set after the refresh token is verified. */
export interface RefreshTrace {
  /** The session of the refresh token. */
  sid?: string
  /** The subject of the session. */
  sub?: string
  /** The error if the refresh was rejected. */
  error?: unknown
}

/** The data in the channels: ids, and errors with constant messages. Never tokens, CSRF values or keys. */
export interface AuthXTraces {
  /** The data of the channel `tracing:koa-authx:verify`. */
  verify: VerifyTrace
  /** The data of the channel `tracing:koa-authx:store`. */
  store: StoreTrace
  /** The data of the channel `tracing:koa-authx:refresh`. */
  refresh: RefreshTrace
}

type Channel = TracingChannel<unknown, object>

/** Tracing channels of `node:diagnostics_channel`: `tracing:koa-authx:verify:start` and so on. */
const channels: Record<keyof AuthXTraces, Channel> = {
  verify: tracingChannel('koa-authx:verify'),
  store: tracingChannel('koa-authx:store'),
  refresh: tracingChannel('koa-authx:refresh'),
}

/**
 * Whether somebody reads the traces `name`: a subscriber of the channel, or `NODE_DEBUG=koa-authx`. Check this first,
 * so that no trace is made without a reader.
 */
export const isTraced = (name: keyof AuthXTraces): boolean => debug.enabled || channels[name].hasSubscribers

/**
 * Run `run`, and publish its start, its end and its error to the channel, as Node's `tracePromise` does. Subscribers
 * never get the result, because it contains tokens and claims.
 */
export async function traced<Name extends keyof AuthXTraces, T>(
  name: Name,
  trace: AuthXTraces[Name],
  run: () => Promise<T>,
): Promise<T> {
  let result: T | undefined
  try {
    await channels[name].tracePromise(async () => {
      result = await run()
    }, trace)
    return result as T
  } catch (error) {
    // Node sets `error` only if there is a subscriber.
    trace.error = error
    throw error
  } finally {
    if (debug.enabled) debug('%s %s', name, described(trace))
  }
}

/** Write the verified ids of a token to a trace. */
export function describe(trace: VerifyTrace, payload: TokenPayload, location?: TokenLocation): void {
  const { jti, sid, sub } = payload
  const issuer = issuerOf(payload)
  const ids = { jti, ...(sid !== undefined && { sid }), sub, ...(issuer !== undefined && { issuer }) }
  Object.assign(trace, { ...(location && { location }), ...ids })
}

/** Returns the ids and the error of a trace, as one line. */
export function described(trace: object): string {
  const { error, ...ids } = trace as { error?: unknown }
  const known = Object.entries(ids).filter(([, value]) => value !== undefined)
  const words = known.map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return [...words, ...(error === undefined ? [] : [reasonOf(error)])].join(' ')
}

/** Returns the name and the cause of an error. The messages of AuthXErrors are constants; the cause has the details. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  const { cause } = error
  const why = cause instanceof Error ? cause.message : cause
  return why === undefined ? error.name : `${error.name} (${why})`
}
