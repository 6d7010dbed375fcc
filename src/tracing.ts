import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import type { TokenLocation, TokenType } from './config/options.js'
import type { TokenPayload } from './token/payload.js'

/** A judgement of a token: by a guard, `middleware()`, `verifyToken` or `authenticateUpgrade`. The ids are there once they are verified. */
export interface VerifyTrace {
  /** The type that was looked for. */
  readonly type: TokenType
  /** Where it was found; `undefined` outside of requests, or if there was none. */
  location?: TokenLocation
  /** The token's id. */
  jti?: string
  /** The session that the token belongs to. */
  sid?: string
  /** Who the token is about. */
  sub?: string
  /** Why it was refused. */
  error?: unknown
}

/** One operation on the store, with all its calls and retries. */
export interface StoreTrace {
  /** `open`, `check`, `watch`, `rotate`, `revoke`, `revokeSession`, `revokeAll`, `list` or `find`. */
  readonly operation: string
  /** Why it failed. */
  error?: unknown
}

/** A refresh. The ids are there once the refresh token has been verified. */
export interface RefreshTrace {
  /** The session. */
  sid?: string
  /** Whose session it is. */
  sub?: string
  /** Why it was refused. */
  error?: unknown
}

/** What passes through the channels: ids, and errors whose messages are constants. Never a token, a CSRF value or a key. */
export interface AuthXTraces {
  /** Of `tracing:koa-authx:verify`. */
  verify: VerifyTrace
  /** Of `tracing:koa-authx:store`. */
  store: StoreTrace
  /** Of `tracing:koa-authx:refresh`. */
  refresh: RefreshTrace
}

type Channel = TracingChannel<unknown, object>

/** Tracing channels of `node:diagnostics_channel`: `tracing:koa-authx:verify:start` and so on. */
const channels: Record<keyof AuthXTraces, Channel> = {
  verify: tracingChannel('koa-authx:verify'),
  store: tracingChannel('koa-authx:store'),
  refresh: tracingChannel('koa-authx:refresh'),
}

/** What `NODE_DEBUG=koa-authx` prints. */
export const debug = debuglog('koa-authx')

/** Whether anybody would notice. Asked first, so that nobody makes a context that nobody reads. */
export const isTraced = (name: keyof AuthXTraces): boolean => debug.enabled || channels[name].hasSubscribers

/**
 * Run `run` and tell the channel, as Node's `tracePromise` does but for one thing: subscribers are never given the
 * result, which holds tokens and claims.
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
    // Node says so itself only if somebody has subscribed.
    trace.error = error
    throw error
  } finally {
    if (debug.enabled) debug('%s %s', name, described(trace))
  }
}

/** Say whom a judgement is about, once that is verified. */
export function describe(trace: VerifyTrace, { jti, sid, sub }: TokenPayload, location?: TokenLocation): void {
  Object.assign(trace, { ...(location && { location }), jti, ...(sid !== undefined && { sid }), sub })
}

/** Ids on a line, and what went wrong. */
export function described(trace: object): string {
  const { error, ...ids } = trace as { error?: unknown }
  const known = Object.entries(ids).filter(([, value]) => value !== undefined)
  const words = known.map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return [...words, ...(error === undefined ? [] : [reasonOf(error)])].join(' ')
}

/** Messages of ours are constants; what helps is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  const { cause } = error
  const why = cause instanceof Error ? cause.message : cause
  return why === undefined ? error.name : `${error.name} (${why})`
}
