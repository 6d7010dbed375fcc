import { askCallback } from '../callback.js'
import type { Config } from '../config/table.js'
import { JWTDecodeError, TokenInvalidIssuerError, TokenInvalidSignatureError } from '../errors.js'
import type { Issuer, IssuerTokenHeader } from '../issuer.js'
import { Deadline } from '../time/deadline.js'
import { issuerOf } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'
import { checkTimes, type ReadToken, readPart, readToken, THREE_PARTS, type VerifyOptions } from '../token/verify.js'
import { VerifyCache } from '../token/verify-cache.js'
import { checkAccessToken } from './access-token.js'
import { checkAudience } from './audience.js'
import { mappedPayload, plainPayload } from './payload.js'

/**
 * Maximum length of an issuer's token in characters: 16 KiB, Node's limit for all headers of a request. Issuers write
 * long tokens, with all groups of a user for example.
 */
const LONGEST_ISSUER_TOKEN = 16_384

/** The issuers of the option `issuers`. */
export class Issuers {
  readonly #byName: ReadonlyMap<string, IssuerTokens>

  constructor(config: Config) {
    this.#byName = new Map(config.issuers.map(issuer => [issuer.issuer, new IssuerTokens(issuer, config)]))
  }

  /** All issuers. */
  get all(): readonly IssuerTokens[] {
    return [...this.#byName.values()]
  }

  /** The issuer with this name. */
  named(issuer: string): IssuerTokens | undefined {
    return this.#byName.get(issuer)
  }

  /**
   * The issuer that judges a token: the one that its claim `iss` names, before anything is verified. `undefined`: our
   * own keys judge it.
   */
  ofToken(token: unknown): IssuerTokens | undefined {
    for (const issuer of this.#byName.values()) if (issuer.knows(token)) return issuer
    const name = unverifiedIssuer(token)
    return name === undefined ? undefined : this.#byName.get(name)
  }

  /** The name of the issuer of a verified payload, also of a copy that the application made. */
  nameOf(payload: TokenPayload): string | undefined {
    const name = issuerOf(payload) ?? payload.iss
    return name !== undefined && this.#byName.has(name) ? name : undefined
  }

  /** Adds a cause to the error of a token that our own keys have refused: no issuer has its `iss`. */
  explain(error: unknown, token: unknown): unknown {
    const name = unverifiedIssuer(token)
    if (!(error instanceof JWTDecodeError) || error.cause !== undefined || name === undefined) return error
    const names = [...this.#byName.keys()]
    const near = names.some(each => each.replace(/\/$/, '') === name.replace(/\/$/, ''))
    const hint = near ? '; they differ in the slash at the end: write issuer exactly as in the tokens' : ''
    error.cause = `no entry of issuers has the token's iss, ${JSON.stringify(name)}, only ${names.join(', ')}${hint}`
    return error
  }
}

/** The claim `iss` of a token that is not verified yet. */
function unverifiedIssuer(token: unknown): string | undefined {
  if (typeof token !== 'string' || token.length > LONGEST_ISSUER_TOKEN || !THREE_PARTS.test(token)) return undefined
  try {
    const { iss } = readPart(token.split('.')[1] as string)
    return typeof iss === 'string' ? iss : undefined
  } catch {
    return undefined
  }
}

/** Verifies the tokens of one issuer. */
export class IssuerTokens {
  readonly issuer: Issuer
  readonly #config: Config
  #keySet: object | undefined
  #cache: VerifyCache

  constructor(issuer: Issuer, config: Config) {
    this.issuer = issuer
    this.#config = config
    this.#cache = new VerifyCache(config.verifyCacheSize)
  }

  /** Whether the current keys of the issuer have verified this token before. */
  knows(token: unknown): boolean {
    return this.#known(token) !== undefined
  }

  /**
   * Verify an access token: signature, claims, issuer, audience, and that it is an access token. Returns a promise
   * unless the token is cached.
   * @throws JWTDecodeError or a subclass, AccessTokenRequiredError, CallbackUnavailableError; or rejects with it.
   */
  verify(token: string, options: VerifyOptions = {}): TokenPayload | Promise<TokenPayload> {
    const known = this.#known(token)
    if (!known) return this.#verifyNew(token, options)
    if (!options.ignoreTimes && !options.signatureOnly) checkTimes(known, this.#config)
    return known
  }

  /**
   * Verify a signature. Resolves to the claims, whose issuer is this one, and to the header.
   * @throws JWTDecodeError or a subclass, CallbackUnavailableError.
   */
  async verifySignature(token: unknown): Promise<SignedClaims> {
    const read = this.#read(token)
    const { issuer } = this.issuer
    const timeoutMs = this.#config.callbackTimeout * 1000
    const late = () => new Error(`the issuer ${issuer} did not answer within ${timeoutMs} ms`)
    const deadline = new Deadline(timeoutMs, late)
    const keySet = await askCallback('issuer', deadline, () => this.issuer.verify(read.token, read.header))
    if (!keySet) throw new TokenInvalidSignatureError({ cause: 'no key of the issuer verifies the signature' })
    const claims = readPart(read.payload)
    if (claims.iss !== issuer) throw new TokenInvalidIssuerError()
    return { read, claims, keySet }
  }

  #read(token: unknown): ReadToken<IssuerTokenHeader> {
    const { algorithms } = this.issuer
    try {
      return readToken(token, algorithms, LONGEST_ISSUER_TOKEN)
    } catch {
      const cause = `alg of the token must be one of ${algorithms.join(', ')}, and its header must have no crit and b64`
      throw new JWTDecodeError(undefined, undefined, { cause })
    }
  }

  async #verifyNew(
    token: string,
    { ignoreTimes = false, signatureOnly = false }: VerifyOptions,
  ): Promise<TokenPayload> {
    const { read, claims, keySet } = await this.verifySignature(token)
    const plain = plainPayload(claims, read.token, this.#config)
    if (!ignoreTimes && !signatureOnly) checkTimes(plain, this.#config)
    if (signatureOnly) return plain
    checkAccessToken(read.header, claims, this.issuer)
    checkAudience(claims, this.issuer)
    // The application's view is only made of a token that is valid now.
    if (ignoreTimes) return plain
    const payload = mappedPayload(claims, plain, this.issuer, this.#config)
    if (keySet === this.issuer.keySet) this.#cacheOf(keySet).add(token, payload)
    return payload
  }

  #known(token: unknown): TokenPayload | undefined {
    const { keySet } = this.issuer
    return keySet && this.#cacheOf(keySet).get(token as string)
  }

  /** Returns the cache of a key set. A new set starts with an empty one, so that a removed key stops at once. */
  #cacheOf(keySet: object): VerifyCache {
    if (this.#keySet !== keySet) {
      this.#keySet = keySet
      this.#cache = new VerifyCache(this.#config.verifyCacheSize)
    }
    return this.#cache
  }
}

/** A token whose signature an issuer's key has verified. */
export interface SignedClaims {
  readonly read: ReadToken<IssuerTokenHeader>
  readonly claims: Record<string, unknown>
  /** The key set that has verified the signature. */
  readonly keySet: object
}
