import type { Context, Next } from 'koa'
import { checkNames, integer, isObject } from '../config/values.js'
import { type AuthXError, CallbackUnavailableError, RateLimitExceeded } from '../errors.js'
import { subjectHash } from '../session/record.js'
import { Deadline, withDeadline } from '../time/deadline.js'
import type { TokenPayload } from '../token/payload.js'
import { sha256 } from '../token/sha256.js'
import { networkOf } from './network.js'

/** What counts: any limiter of rate-limiter-flexible, or an object that answers as they do. */
export interface RateLimiter {
  /**
   * Count one request under `key`. Resolves if it may pass. Rejects with an object that has a number `msBeforeNext`
   * (milliseconds, negative for never) if the limit is exceeded, and with anything else if it cannot tell.
   */
  consume(key: string): Promise<unknown>
}

/** What requests are counted by. */
export type RateLimitKey = 'ip' | 'subject' | ((ctx: Context) => string | Promise<string>)

/** Options of `rateLimited`. */
export interface RateLimitOptions {
  /**
   * `'ip'`: by `ctx.ip`, IPv6 addresses by their /64 network. `'subject'`: by the subject of the token that a guard or
   * the middleware has verified before, and by `ctx.ip` where there is none. A function: by what it returns, a string
   * that is not empty. Default `'ip'`.
   */
  key?: RateLimitKey | undefined
  /**
   * Milliseconds that the limiter has for its answer, 1 to 60000. Time in which the event loop of this process is blocked
   * does not count. Default 1000.
   */
  timeout?: number | undefined
}

/** Middleware that asks nothing of the state, so that it leaves the types of what stands before it as they are. */
export type RateLimitMiddleware = (ctx: Pick<Context, 'ip'>, next: Next) => Promise<void>

const OPTION_NAMES = new Set(['key', 'timeout'])

const TIMEOUT = integer(1, 60_000, 'milliseconds')

/**
 * Middleware that lets as many requests pass as `limiter` allows.
 *
 * A request beyond the limit is RateLimitExceeded (429). If the limiter fails or does not answer within `timeout`, it is
 * CallbackUnavailableError (503): an attacker who can slow the limiter down must not get past it.
 * @throws TypeError for a limiter without `consume`, an option that there is none of, or a wrong value.
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

/** @throws AuthXError whatever the limiter rejects with. */
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

/** How long to wait, in milliseconds, as every limiter says that is exceeded. RateLimiterUnion lists several by name. */
function waitsOf(rejection: unknown): number[] {
  if (!isObject(rejection)) return []
  const results = rejection instanceof Error || 'msBeforeNext' in rejection ? [rejection] : Object.values(rejection)
  const waits = results.map(result => (isObject(result) ? result.msBeforeNext : undefined))
  return waits.filter(wait => typeof wait === 'number').map(wait => (wait >= 0 ? wait : Number.POSITIVE_INFINITY))
}

/** Nothing that a function returns comes out as `~ip:` or `~sub:`: nobody's name is somebody's address. */
async function keyFor(ctx: Context, key: RateLimitKey): Promise<string> {
  if (typeof key === 'function') return bounded(await key(ctx))
  const subject = key === 'subject' ? subjectOf(ctx.state.token) : undefined
  return subject ?? `~ip:${networkOf(ctx.ip)}`
}

function subjectOf(token: Partial<TokenPayload> | undefined): string | undefined {
  if (typeof token?.sub !== 'string' || token.sub === '') return undefined
  return `~sub:${subjectHash(token.sub, token.login_type)}`
}

const PLAIN_KEY = /^[!-}][!-~]{0,63}$/

/** What the limiter keeps is small, however long a name is that a client sends. */
function bounded(key: unknown): string {
  if (typeof key !== 'string' || key === '') {
    throw new TypeError('the function key of rateLimited must return a string that is not empty')
  }
  return PLAIN_KEY.test(key) ? key : `~${sha256(key)}`
}

/** @throws TypeError when the middleware is made, not when a request comes. */
function checkLimiter(limiter: Partial<RateLimiter> | null | undefined): void {
  if (typeof limiter?.consume === 'function') return
  throw new TypeError('rateLimited takes a limiter: an object with the method consume')
}

/** @throws TypeError */
function settingsOf(options: RateLimitOptions): Required<RateLimitOptions> {
  checkNames(options, OPTION_NAMES, 'rateLimited')
  const { key = 'ip', timeout = 1000 } = options
  if (key !== 'ip' && key !== 'subject' && typeof key !== 'function') {
    throw new TypeError("key must be 'ip', 'subject' or a function of ctx that returns a string")
  }
  if (TIMEOUT.read(timeout) === undefined) throw new TypeError(`timeout must be ${TIMEOUT.accepts}`)
  return { key, timeout }
}
