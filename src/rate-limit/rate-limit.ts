import type { Context, Next } from 'koa'
import { checkNames, integer, isObject } from '../config/values.js'
import { type AuthXError, CallbackUnavailableError, RateLimitExceeded } from '../errors.js'
import { subjectHash } from '../session/record.js'
import { Deadline, withDeadline } from '../time/deadline.js'
import { issuerOf } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'
import { sha256 } from '../token/sha256.js'
import { networkOf } from './network.js'

/** A limiter of rate-limiter-flexible, or an object with the same method `consume`. */
export interface RateLimiter {
  /**
   * Count one request of `key`. Resolves if the request is allowed. If the limit is exceeded, rejects with an object
   * that has a number `msBeforeNext` (milliseconds; negative means never). Any other rejection means that the limiter
   * failed.
   */
  consume(key: string): Promise<unknown>
}

/** What identifies the caller: its IP address, the subject of its token, or the result of a function. */
export type RateLimitKey = 'ip' | 'subject' | ((ctx: Context) => string | Promise<string>)

/** Options of `rateLimited`. */
export interface RateLimitOptions {
  /**
   * Requests with the same key are counted together. `'ip'`: the key is `ctx.ip`; for an IPv6 address, its /64 network.
   * `'subject'`: the key is the subject of the token that a guard or the middleware verified before; without a token,
   * the key is the same as with `'ip'`. A function of `ctx`: the key is the non-empty string that it returns. Default
   * `'ip'`.
   */
  key?: RateLimitKey | undefined
  /**
   * Timeout of the limiter in milliseconds, 1 to 60000. Time in which the event loop is blocked does not count. Default
   * 1000.
   */
  timeout?: number | undefined
}

/**
 * The type of the middleware. It has no type of `ctx.state`, so that the types that earlier middleware has given to
 * `ctx.state` stay the same.
 */
export type RateLimitMiddleware = (ctx: Pick<Context, 'ip'>, next: Next) => Promise<void>

const OPTION_NAMES = new Set(['key', 'timeout'])

const TIMEOUT = integer(1, 60_000, 'milliseconds')

/**
 * Makes middleware that allows as many requests as `limiter` does.
 *
 * If the limit is exceeded, it throws RateLimitExceeded (429). If the limiter fails or times out, it throws
 * CallbackUnavailableError (503). Otherwise an attacker could bypass the limiter by slowing it down.
 * @throws TypeError for a limiter without `consume`, an unknown option, or an invalid value.
 */
export function rateLimited(limiter: RateLimiter, options: RateLimitOptions = {}): RateLimitMiddleware {
  checkLimiter(limiter)
  const { key, timeout } = settingsOf(options)
  return async function rateLimited(ctx, next) {
    const counted = await keyFor(ctx as Context, key)
    await withDeadline(new Deadline(timeout, late), () => consume(limiter, counted))
    await next()
  }
}

const late = (milliseconds: number) =>
  new CallbackUnavailableError('limiter', { cause: new Error(`no answer within ${milliseconds} ms`) })

/** Calls the limiter. @throws RateLimitExceeded, CallbackUnavailableError */
async function consume(limiter: RateLimiter, key: string): Promise<void> {
  try {
    await limiter.consume(key)
  } catch (rejection) {
    throw refusal(rejection)
  }
}

function refusal(rejection: unknown): AuthXError {
  const waits = waitsOf(rejection)
  if (waits.length === 0) return new CallbackUnavailableError('limiter', { cause: rejection })
  return new RateLimitExceeded(Math.max(...waits), { cause: rejection })
}

/**
 * Returns the waiting times of all exceeded limiters, in milliseconds. RateLimiterUnion rejects with an object that has
 * a result for each exceeded limiter, by name.
 */
function waitsOf(rejection: unknown): number[] {
  if (!isObject(rejection)) return []
  const results = rejection instanceof Error || 'msBeforeNext' in rejection ? [rejection] : Object.values(rejection)
  const waits = results.map(result => (isObject(result) ? result.msBeforeNext : undefined))
  return waits.filter(wait => typeof wait === 'number').map(wait => (wait >= 0 ? wait : Number.POSITIVE_INFINITY))
}

/**
 * Returns the key for the limiter. A key from a function never begins with `~ip:` or `~sub:`, so it never equals the
 * key of an address or a subject.
 */
async function keyFor(ctx: Context, key: RateLimitKey): Promise<string> {
  if (typeof key === 'function') return bounded(await key(ctx))
  const subject = key === 'subject' ? subjectOf(ctx.state.token) : undefined
  return subject ?? `~ip:${networkOf(ctx.ip)}`
}

function subjectOf(token: Partial<TokenPayload> | undefined): string | undefined {
  if (typeof token?.sub !== 'string' || token.sub === '') return undefined
  const issuer = issuerOf(token)
  const subject = subjectHash(token.sub, token.login_type)
  // An issuer's subject is another person than ours of the same name.
  return issuer === undefined ? `~sub:${subject}` : `~sub:${sha256(JSON.stringify([issuer, subject]))}`
}

const PLAIN_KEY = /^[!-}][!-~]{0,63}$/

/** Shortens keys from a function, because a client may send very long values. */
function bounded(key: unknown): string {
  if (typeof key !== 'string' || key === '') {
    throw new TypeError('the function key of rateLimited must return a non-empty string')
  }
  return PLAIN_KEY.test(key) ? key : `~${sha256(key)}`
}

/** Checks the limiter when the middleware is made, not when a request comes. @throws TypeError */
function checkLimiter(limiter: Partial<RateLimiter> | null | undefined): void {
  if (typeof limiter?.consume === 'function') return
  throw new TypeError('rateLimited: the limiter must be an object with the method consume')
}

/** Returns the options with defaults. @throws TypeError */
function settingsOf(options: RateLimitOptions): Required<RateLimitOptions> {
  checkNames(options, OPTION_NAMES, 'rateLimited')
  const { key = 'ip', timeout = 1000 } = options
  if (key !== 'ip' && key !== 'subject' && typeof key !== 'function') {
    throw new TypeError("key must be 'ip', 'subject' or a function of ctx that returns a string")
  }
  if (TIMEOUT.read(timeout) === undefined) throw new TypeError(`timeout must be ${TIMEOUT.accepts}`)
  return { key, timeout }
}
