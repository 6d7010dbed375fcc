import { TokenInvalidAudienceError } from '../errors.js'
import type { Issuer } from '../issuer.js'
import { isTextList, malformedClaim } from '../token/payload.js'

/** Checks that an access token of an issuer is for this application. @throws TokenInvalidAudienceError, JWTDecodeError */
export function checkAudience(claims: Record<string, unknown>, { audience, clientId }: Issuer): void {
  if (audience === false) {
    checkClient(claims, clientId)
    return
  }
  const named = audiencesOf(claims)
  if (claims.aud !== undefined && !isTextList(named)) throw malformedClaim('aud')
  if (audience.some(each => named.includes(each))) return
  const cause = `aud of the token is ${JSON.stringify(claims.aud)}, but audience is ${audience.join(', ')}`
  throw new TokenInvalidAudienceError({ cause })
}

/** The members of the claim `aud`, which is a string or a list (RFC 7519 §4.1.3). */
export const audiencesOf = ({ aud }: Record<string, unknown>): readonly unknown[] => (Array.isArray(aud) ? aud : [aud])

/** Access tokens without `aud`, as Cognito issues them: `client_id` and `token_use` say whom they are for. */
function checkClient({ aud, client_id, token_use }: Record<string, unknown>, clientId: readonly string[]): void {
  const refuse = (cause: string) => {
    throw new TokenInvalidAudienceError({ cause })
  }
  if (aud !== undefined) refuse('the token has an aud, but audience is false; set audience')
  if (token_use !== 'access') refuse('audience is false, and the claim token_use is not access')
  if (!clientId.includes(client_id as string)) refuse('audience is false, and the claim client_id is not clientId')
}
