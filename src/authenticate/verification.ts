import { askCallback } from '../callback.js'
import type { Algorithm, UnverifiedPayload } from '../config/options.js'
import { Deadline } from '../time/deadline.js'
import type { VerificationKey } from '../token/keys.js'
import { saysNoSuchKey } from '../token/no-such-key.js'
import type { TokenPayload } from '../token/payload.js'
import { type FindKey, type VerifyOptions, verify, verifyWithFoundKey } from '../token/verify.js'
import type { AuthContext, Internals } from './internals.js'

/**
 * Verify a token: with the keys of the issuer that its `iss` names; all other tokens with the configured keys or, if
 * there is a `getKey`, with the key that it returns. Returns a promise only for issuers and with `getKey`.
 * @param ctx the request of the token; `undefined` outside of requests.
 * @throws JWTDecodeError or a subclass, CallbackUnavailableError, AccessTokenRequiredError for another token of an
 * issuer.
 */
export function verifyToken(
  internals: Internals,
  token: string,
  ctx: AuthContext | undefined,
  options: VerifyOptions = {},
): TokenPayload | Promise<TokenPayload> {
  const { ring, issuers } = internals
  if (!issuers || ring.cache.get(token)) return verifyOwn(internals, token, ctx, options)
  const issuer = issuers.ofToken(token)
  if (issuer) return issuer.verify(token, options)
  try {
    return verifyOwn(internals, token, ctx, options)
  } catch (error) {
    throw issuers.explain(error, token)
  }
}

function verifyOwn(
  internals: Internals,
  token: string,
  ctx: AuthContext | undefined,
  options: VerifyOptions,
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
 * Calls `getKey`.
 * @throws CallbackUnavailableError if it fails or returns an unusable key: the token is neither valid nor invalid.
 */
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

/**
 * Returns the result of `getKey`. `undefined` also if `getKey` throws an error with which jose or jwks-rsa report a
 * missing key.
 */
async function inputFrom(ask: () => unknown, alg: Algorithm, payload: UnverifiedPayload): Promise<unknown> {
  try {
    return await ask()
  } catch (error) {
    if (saysNoSuchKey(error, alg, payload)) return undefined
    throw error
  }
}
