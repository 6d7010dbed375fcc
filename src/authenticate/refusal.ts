import { debug } from '../debug.js'
import { AuthXError, CallbackUnavailableError, TokenInvalidSignatureError } from '../errors.js'
import type { Candidate } from '../request/locate.js'
import { idOf } from '../session/rotation.js'
import { issuerOf } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'
import { loginOf } from './candidates.js'
import type { AuthContext, Internals } from './internals.js'
import { verifyToken } from './verification.js'

/** A call that was refused, and how to find its tokens. */
export interface RefusedCall {
  /** Returns the tokens of the call, not verified. @throws MalformedTokenRequestError if a location is malformed. */
  readonly locate: () => readonly Candidate[]
  /** The request for `getKey`. `undefined` for an upgrade. */
  readonly ctx?: AuthContext | undefined
}

/**
 * Emit `refused` if `error` is a refusal: an AuthXError with a status other than 500. A 500 is a mistake in the
 * application. Other errors are not from this library. It does nothing if there is no listener and `NODE_DEBUG` is
 * off, and never throws.
 */
export async function emitRefused(internals: Internals, call: RefusedCall, error: unknown): Promise<void> {
  const { events } = internals
  if (!(error instanceof AuthXError) || error.status === 500) return
  if (!events.isHeard('refused') && !debug.enabled) return
  const ids = isUnverified(error) ? {} : await idsOf(internals, call)
  events.emit('refused', { reason: error.code, ...ids })
}

/** Emits `refused` if `answer` rejects, and adds `resource_metadata` to the challenge of the error. */
export function emittingRefused<T>(internals: Internals, call: RefusedCall, answer: Promise<T>): Promise<T> {
  return namingMetadata(internals, answer).catch(async error => {
    await emitRefused(internals, call, error)
    throw error
  })
}

/** Adds `resource_metadata` to the challenge of the error if `answer` rejects. */
export function namingMetadata<T>(internals: Internals, answer: Promise<T>): Promise<T> {
  return answer.catch(error => {
    nameMetadata(internals, error)
    throw error
  })
}

/**
 * Adds `resource_metadata` to the challenge of an error, if the instance has it (RFC 9728 §5.1). The challenge stays
 * unchanged if another instance has refused the request before.
 */
export function nameMetadata({ resource }: Internals, error: unknown): void {
  if (!resource || !(error instanceof AuthXError)) return
  const challenge = error.headers['WWW-Authenticate']
  if (typeof challenge !== 'string' || challenge.includes('resource_metadata=')) return
  const named = `${challenge}, resource_metadata="${resource.metadataUrl}"`
  error.headers = { ...error.headers, 'WWW-Authenticate': named }
}

/** Whether the error means that no key has verified the token. Then nobody is asked for the key again. */
const isUnverified = (error: AuthXError) =>
  error instanceof TokenInvalidSignatureError ||
  (error instanceof CallbackUnavailableError && ['getKey', 'issuer', 'adoptClaims'].includes(error.callback))

/**
 * Returns the ids of the verified token of a call. Empty if there are tokens of several sessions, because each of them
 * may be the caller's.
 */
async function idsOf(
  internals: Internals,
  call: RefusedCall,
): Promise<{ sub?: string; sid?: string; issuer?: string }> {
  const [payload, ...others] = await verifiedTokens(internals, call)
  if (!payload || others.some(other => loginOf(other) !== loginOf(payload) || other.sub !== payload.sub)) return {}
  const issuer = issuerOf(payload)
  return { sub: payload.sub, sid: idOf(payload), ...(issuer !== undefined && { issuer }) }
}

async function verifiedTokens(internals: Internals, { locate, ctx }: RefusedCall): Promise<TokenPayload[]> {
  try {
    // Times, audience and issuer may be the reason for the refusal. The signature proves whose token it is.
    const verify = async ({ token }: Candidate) => verifyToken(internals, token, ctx, { signatureOnly: true })
    const results = await Promise.allSettled(locate().map(verify))
    return results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  } catch {
    return []
  }
}
