import { createPublicKey, createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { AuthX, type AuthXOptions } from '../../../src/index.js'
import type { Signer } from '../reference/signing.js'
import type { RuleKey, TokenRules } from '../reference/token-rules.js'

/** The present of all instances, in milliseconds. */
export const NOW = Date.UTC(2026, 5, 1, 12)

/** How an instance is configured, in the library's words and in those of the reference rules. */
export interface Setup {
  readonly name: string
  readonly options: AuthXOptions
  readonly rules: TokenRules
  /** The keys that sign for it; the first is its own. */
  readonly signers: readonly [Signer, ...Signer[]]
  /** The claims that its tokens have besides. */
  readonly claims?: Readonly<Record<string, unknown>>
}

const now = () => NOW

const secret = (name: string) => createSecretKey(Buffer.from(`TEST_ONLY_${name}_`.padEnd(64, 'x')))
const rsaKey = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).privateKey
const ecKey = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string

/** Keys are made once for each run: an RSA key takes a while. */
export const KEYS = {
  secret: secret('secret'),
  previousSecret: secret('previous'),
  oldestSecret: secret('oldest'),
  rsa: rsaKey(2048),
  previousRsa: rsaKey(2048),
  longRsa: rsaKey(3072),
  ec: ecKey('P-256'),
  previousEc: ecKey('P-256'),
  ec384: ecKey('P-384'),
  ec521: ecKey('P-521'),
}

const publicHalf = (key: KeyObject) => (key.type === 'private' ? createPublicKey(key) : key)
const ruleKeys = (signers: readonly Signer[]): RuleKey[] =>
  signers.map(({ key, kid }) => ({ key: publicHalf(key), ...(kid !== undefined && { kid }) }))

function setup(
  name: string,
  options: AuthXOptions,
  signers: readonly [Signer, ...Signer[]],
  algorithms: readonly string[],
  rules: Partial<TokenRules> = {},
): Setup {
  return { name, options: { now, ...options }, signers, rules: { now, algorithms, keys: ruleKeys(signers), ...rules } }
}

/** With one key and nothing else. */
export function setupFor(algorithm: NonNullable<AuthXOptions['algorithm']>, key: KeyObject): Setup {
  const keys = key.type === 'secret' ? { secretKey: key } : { privateKey: key }
  return setup(algorithm, { algorithm, ...keys }, [{ alg: algorithm, key }], [algorithm])
}

function symmetric(): Setup[] {
  const { secret: key, previousSecret, oldestSecret } = KEYS
  const previousSecretKey = [previousSecret, oldestSecret]
  const signers = [key, previousSecret, oldestSecret].map(each => ({ alg: 'HS256', key: each }))
  const claims = { iss: 'https://issuer.example', aud: 'api', login_type: 'user', uid: 'alice' }
  const options = {
    algorithm: 'HS512',
    secretKey: key,
    decodeAlgorithms: ['HS512', 'HS256'],
    encodeIssuer: claims.iss,
    encodeAudience: 'api',
    decodeAudience: ['api', 'mobile'],
    decodeLeeway: 30,
    loginType: 'user',
    identityClaim: 'uid',
  } as const
  const rules = { issuer: claims.iss, audience: ['api', 'mobile'], leeway: 30, loginType: 'user', identity: 'uid' }
  const strict = setup('HS512, all claims checked', options, [{ alg: 'HS512', key }], ['HS512', 'HS256'], rules)
  return [setup('HS256', { secretKey: key, previousSecretKey }, signers as [Signer], ['HS256']), { ...strict, claims }]
}

function asymmetric(): Setup[] {
  const { rsa, previousRsa, longRsa, ec, previousEc, ec384, ec521 } = KEYS
  const rs256 = {
    algorithm: 'RS256',
    privateKey: rsa,
    previousPublicKey: publicHalf(previousRsa),
    decodeAlgorithms: ['RS256', 'PS256'],
  } as const
  const es256 = { algorithm: 'ES256', privateKey: ec, previousPublicKey: publicHalf(previousEc) } as const
  return [
    setup(
      'RS256',
      rs256,
      [
        { alg: 'RS256', key: rsa },
        { alg: 'PS256', key: previousRsa },
      ],
      rs256.decodeAlgorithms,
    ),
    setup(
      'ES256',
      es256,
      [
        { alg: 'ES256', key: ec },
        { alg: 'ES256', key: previousEc },
      ],
      ['ES256'],
    ),
    setupFor('PS256', longRsa),
    setupFor('ES384', ec384),
    setupFor('ES512', ec521),
  ]
}

function named(): Setup {
  const { rsa, ec, secret: key } = KEYS
  const signers: [Signer, ...Signer[]] = [
    { alg: 'RS256', kid: 'rsa', key: rsa },
    { alg: 'ES256', kid: 'ec', key: ec },
    { alg: 'HS256', kid: 'hs', key },
  ]
  const keys = [
    { kid: 'rsa', privateKey: rsa },
    { kid: 'ec', publicKey: publicHalf(ec) },
    { kid: 'hs', secretKey: key },
  ]
  const decodeAlgorithms = ['RS256', 'ES256', 'HS256'] as const
  const options = { algorithm: 'RS256', decodeAlgorithms, keys } as const
  return setup('named keys', options, signers, decodeAlgorithms, { named: true })
}

/** One tenant has a key pair, the other a secret. */
function perTenant(): Setup {
  const { rsa, secret: key } = KEYS
  const publicPem = pem(publicHalf(rsa))
  const find = (tenant: unknown) => (tenant === 'acme' ? publicHalf(rsa) : tenant === 'globex' ? key : undefined)
  const getKey = (_: unknown, { tenant }: { tenant?: unknown }) => (tenant === 'acme' ? publicPem : find(tenant))
  const options = { algorithm: 'RS256', privateKey: rsa, decodeAlgorithms: ['RS256', 'HS256'], getKey } as const
  const rules = { find: (_: unknown, payload: Readonly<Record<string, unknown>>) => find(payload.tenant) }
  const signers: [Signer, ...Signer[]] = [
    { alg: 'RS256', key: rsa },
    { alg: 'HS256', key },
  ]
  const whole = setup('a key per tenant', options, signers, options.decodeAlgorithms, rules)
  return { ...whole, claims: { tenant: 'acme' } }
}

export const SETUPS: readonly Setup[] = [...symmetric(), ...asymmetric(), named(), perTenant()]

/** The configurations whose requests are deformed. */
export const setupOf = (name: string): Setup => {
  const found = SETUPS.find(each => each.name === name)
  if (!found) throw new Error(`no setup ${name}`)
  return found
}

/** Its store answers at once; that a busy machine does not is tried elsewhere. */
export const instanceOf = ({ options }: Setup, more: AuthXOptions = {}) =>
  new AuthX({ storeTimeout: 10_000, ...options, ...more })
