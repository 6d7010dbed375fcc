import { inspect } from 'node:util'
import { compactVerify, errors } from 'jose'
import type { Issuer, IssuerClaimsMapper, IssuerTokenHeader } from '../issuer.js'
import { KeySet, type LoadedSet } from './key-set.js'
import { type RemoteIssuerConfig, type RemoteIssuerOptions, readOptions } from './options.js'
import { setReader } from './read-set.js'

/**
 * An identity provider whose access tokens are accepted, for the option `issuers`. It reads the provider's keys when the
 * first token comes, keeps them, and reads them again every hour and when a token names an unknown key.
 * @throws BadConfigurationError naming every invalid option; TypeError for an unknown option.
 */
export function remoteIssuer(options: RemoteIssuerOptions): Issuer {
  return Object.freeze(new RemoteIssuer(readOptions(options)))
}

class RemoteIssuer implements Issuer {
  readonly issuer: string
  readonly algorithms: readonly string[]
  readonly audience: readonly string[] | false
  readonly clientId: readonly string[]
  readonly idTokens: boolean
  readonly claims: IssuerClaimsMapper | undefined
  readonly #keySet: KeySet

  constructor(config: RemoteIssuerConfig) {
    this.issuer = config.issuer
    this.algorithms = config.algorithms
    this.audience = config.audience
    this.clientId = config.clientId
    this.idTokens = config.idTokens
    this.claims = config.claims
    this.#keySet = new KeySet(setReader(config), config)
  }

  get keySet(): object | undefined {
    return this.#keySet.current
  }

  async verify(token: string, header: IssuerTokenHeader): Promise<LoadedSet | undefined> {
    const { set, keys } = await this.#keySet.keysFor(header)
    for (const key of keys) if (await isSignedBy(key, token, this.algorithms)) return set
    return undefined
  }

  [inspect.custom](): string {
    return `Issuer { ${this.issuer} }`
  }
}

async function isSignedBy(
  key: Parameters<typeof compactVerify>[1],
  token: string,
  algorithms: readonly string[],
): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [...algorithms] })
    return true
  } catch (error) {
    // JWSInvalid: the token has no readable signature.
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWSInvalid) return false
    throw error
  }
}
