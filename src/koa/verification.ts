import { orUnavailable } from '../session/operation.js'
import { Deadline, within } from '../time/deadline.js'
import type { VerificationKey } from '../token/keys.js'
import type { TokenPayload } from '../token/payload.js'
import { type FindKey, type VerifyOptions, verify, verifyWithFoundKey } from '../token/verify.js'
import type { AuthContext, Parts } from './parts.js'

/**
 * Verify a token with the configured keys or, if there is a `getKey`, with the key that it finds. Only then is the answer
 * a promise: without the hook no request waits for anything here.
 * @param ctx the request that the token came with, if it came with one.
 * @throws JWTDecodeError or a subclass, StoreUnavailableError.
 */
export function verifyToken(
  parts: Parts,
  token: string,
  ctx: AuthContext | undefined,
  options: VerifyOptions = {},
): TokenPayload | Promise<TokenPayload> {
  const { config, ring } = parts
  if (!config.getKey) return verify(token, ring, config, options)
  const findKey: FindKey = (header, payload) => {
    const ask = () => askForKey(parts, header, payload, ctx)
    return ctx ? parts.memory.key(ctx.req, token, ask) : ask()
  }
  return verifyWithFoundKey(token, findKey, ring, config, options)
}

/** Whatever is not a key that fits, or a clear "there is none", means that nothing is known of the token. */
function askForKey(
  { config, ring, keyCache }: Parts,
  header: Parameters<FindKey>[0],
  payload: Parameters<FindKey>[1],
  ctx: AuthContext | undefined,
): Promise<VerificationKey | undefined> {
  const find = async () => {
    const input: unknown = await config.getKey?.(header, payload, ctx as never)
    return input === undefined || input === null ? undefined : keyCache.read(input, ring)
  }
  return within(new Deadline(config.storeTimeout), () => orUnavailable(find))
}
