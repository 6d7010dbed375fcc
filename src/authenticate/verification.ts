import { askCallback } from '../callback.js'
import type { Algorithm, UnverifiedPayload } from '../config/options.js'
import { Deadline } from '../time/deadline.js'
import type { VerificationKey } from '../token/keys.js'
import { saysNoSuchKey } from '../token/no-such-key.js'
import type { TokenPayload } from '../token/payload.js'
import { checkSignedByRing, type FindKey, type VerifyOptions, verify, verifyWithFoundKey } from '../token/verify.js'
import type { AuthContext, Internals } from './internals.js'

/**
 * Verify a token with the configured keys or, if there is a `getKey`, with the key that it finds. Only then is the answer
 * a promise: without the hook no request waits for anything here.
 * @param ctx the request that the token came with, if it came with one.
 * @throws JWTDecodeError or a subclass, CallbackUnavailableError.
 */
export function verifyToken(
  internals: Internals,
  token: string,
  ctx: AuthContext | undefined,
  options: VerifyOptions = {},
): TokenPayload | Promise<TokenPayload> {
  const { config, ring } = internals
  if (!config.getKey) return verify(token, ring, config, options)
  const findKey: FindKey = (header, payload) => {
    const ask = () => askForKey(internals, header, payload, ctx)
    return ctx ? internals.requestCache.key(ctx.req, token, ask) : ask()
  }
  return verifyWithFoundKey(token, findKey, ring, config, options)
}

/**
 * Refuse a verified token that somebody else's key has signed, where it would be exchanged for tokens under our own key.
 * Without `getKey` only our own keys verify, and there is nothing to check.
 * @throws TokenInvalidSignatureError
 */
export function checkOwnKey({ config, ring }: Internals, token: string): void {
  if (config.getKey) checkSignedByRing(token, ring)
}

/** Whatever is not a key that fits, or a clear "there is none", means that nothing is known of the token. */
function askForKey(
  { config, ring, keyCache }: Internals,
  header: Parameters<FindKey>[0],
  payload: Parameters<FindKey>[1],
  ctx: AuthContext | undefined,
): Promise<VerificationKey | undefined> {
  const find = async () => {
    const input = await inputFrom(() => config.getKey?.(header, payload, ctx as never), header.alg, payload)
    return input === undefined || input === null ? undefined : keyCache.read(input, ring)
  }
  return askCallback('getKey', new Deadline(config.storeTimeout), find)
}

/** `undefined` where the hook returns it, and where it says in the words of jose or jwks-rsa that there is no key. */
async function inputFrom(ask: () => unknown, alg: Algorithm, payload: UnverifiedPayload): Promise<unknown> {
  try {
    return await ask()
  } catch (error) {
    if (saysNoSuchKey(error, alg, payload)) return undefined
    throw error
  }
}
