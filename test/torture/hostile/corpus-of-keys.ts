import { createPublicKey, createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { encode, headerOf, type Signer, signParts } from '../reference/signing.js'
import type { Json } from '../reference/token-rules.js'
import { KEYS } from './instances.js'
import { goodClaims, type Hostile, type Populated } from './populated.js'
import { HOSTILE_TEXTS } from './values.js'

/** Tokens that want to be verified by a key, or an algorithm, of their own choice. */
export function corpusOfKeys(populated: Populated): Hostile[] {
  return [
    ...unsigned(populated),
    ...confused(populated),
    ...crossed(populated),
    ...embedded(populated),
    ...withKeyIds(populated),
    ...critical(populated),
  ]
}

const ALGORITHMS = 'hs256 Hs256 RS1 HS1 A128KW dir EdDSA ES256K null'.split(' ')

/** RFC 8725 §3.2: no signature, in every spelling of it. */
function unsigned({ setup, tokens }: Populated): Hostile[] {
  const claims = encode(goodClaims(setup))
  const respelt = (n: number) => [...'none'].map((letter, i) => ((n >> i) & 1 ? letter.toUpperCase() : letter)).join('')
  const spellings = Array.from({ length: 16 }, (_, n) => respelt(n))
  const odd = ['', ' none', 'none ', 'none\0', null, 0, false, true, [], ['none'], {}, ['HS256'], ['RS256']]
  const headers = [{ typ: 'JWT' }, {}, ...[...spellings, ...ALGORITHMS, ...odd].map(alg => ({ alg, typ: 'JWT' }))]
  const signatures = ['', 'AA', tokens.access.split('.')[2] ?? '']
  return headers.flatMap(header =>
    signatures.map(
      (signature): Hostile => [`unsigned ${JSON.stringify(header)}`, () => `${encode(header)}.${claims}.${signature}`],
    ),
  )
}

/** RFC 8725 §2.1: the public key as the secret of an HMAC, in every form that somebody may have it in. */
function confused({ setup }: Populated): Hostile[] {
  const claims = goodClaims(setup)
  const pairs = [...setup.signers.map(({ key }) => key), KEYS.rsa, KEYS.ec].filter(key => key.type === 'private')
  const guessed = ['', 'secret', 'null', 'undefined', '\0'.repeat(32), '[object Object]', '{}'].map(text =>
    Buffer.from(text),
  )
  const kids = setup.rules.named ? setup.signers.map(({ kid }) => kid) : [undefined]
  return [...pairs.map(key => createPublicKey(key)).flatMap(formsOf), ...guessed].flatMap(bytes =>
    ['HS256', 'HS384', 'HS512'].flatMap(alg =>
      kids.map((kid): Hostile => {
        const header = { alg, typ: 'JWT', ...(kid !== undefined && { kid }) }
        const what = `${alg}, its secret ${bytes.length} bytes that everybody knows`
        return [what, () => signParts(header, claims, { alg, key: createSecretKey(bytes) })]
      }),
    ),
  )
}

function formsOf(key: KeyObject): Buffer[] {
  const pem = key.export({ type: 'spki', format: 'pem' }) as string
  const pkcs1 = key.asymmetricKeyType === 'rsa' ? [key.export({ type: 'pkcs1', format: 'pem' }) as string] : []
  const texts = [pem, ...pkcs1].flatMap(text => [
    ...[text, text.trim(), `${text}\n`, `\ufeff${text}`, ` ${text}`, `\n\t${text}`],
    ...['\r\n', '\\n', ''].map(lineBreak => text.replaceAll('\n', lineBreak)),
  ])
  const inside = pem.trim().split('\n').slice(1, -1)
  const jwk = key.export({ format: 'jwk' })
  const json = [
    JSON.stringify(jwk),
    JSON.stringify(jwk, null, 2),
    JSON.stringify({ keys: [jwk] }),
    ` ${JSON.stringify(jwk)}`,
  ]
  const members = Object.values(jwk).filter(value => typeof value === 'string')
  return [
    ...[...texts, inside.join('\n'), inside.join(''), ...json, ...members].map(text => Buffer.from(text)),
    key.export({ type: 'spki', format: 'der' }),
    ...members.map(value => Buffer.from(value, 'base64url')),
  ]
}

/** A good signature under an algorithm that it was not made with. */
function crossed({ setup }: Populated): Hostile[] {
  const known = [KEYS.rsa, KEYS.ec, KEYS.secret].map((key, n) => ({ alg: ['RS256', 'ES256', 'HS256'][n] ?? '', key }))
  const algorithms = 'HS256 HS512 RS256 RS512 PS256 ES256 ES384 ES512 none'.split(' ')
  return [...setup.signers, ...known].flatMap(signer =>
    algorithms.map(
      (alg): Hostile => [
        `signed with ${signer.alg}, said to be ${alg}`,
        () => signParts({ ...headerOf(signer), alg }, goodClaims(setup), signer),
      ],
    ),
  )
}

const STRANGERS: readonly Signer[] = [
  { alg: 'RS256', key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey },
  { alg: 'ES256', key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
]

/** RFC 8725 §3.10: keys, and places of keys, that the token brings along. */
function embedded({ setup }: Populated): Hostile[] {
  return STRANGERS.flatMap(signer => {
    const publicKey = createPublicKey(signer.key)
    const jwk = publicKey.export({ format: 'jwk' })
    const der = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
    const brought: Json[] = [
      ...[jwk, JSON.stringify(jwk), { keys: [jwk] }, [jwk]].map(each => ({ jwk: each })),
      ...['jku', 'x5u', 'url'].map(name => ({ [name]: 'http://127.0.0.1:9/keys' })),
      ...['x5c', 'x5t', 'x5t#S256', 'key', 'publicKey', 'epk'].map(name => ({ [name]: name === 'x5c' ? [der] : der })),
      ...setup.signers.map(({ kid }) => ({ jwk, kid })),
    ]
    return brought.map(
      (more): Hostile => [
        `${signer.alg} of a stranger with ${Object.keys(more)}`,
        () => signParts({ ...headerOf(signer), ...more }, goodClaims(setup), signer),
      ],
    )
  })
}

const KEY_IDS = '../../dev/null /dev/null __proto__ constructor toString hasOwnProperty RSA rsa\0 0'.split(' ')

/** `kid` as a way into something: files, SQL, prototypes, other keys. */
function withKeyIds({ setup }: Populated): Hostile[] {
  const odd = ["x' UNION SELECT 'secret' --", 'rsa ', 0, -1, null, true, [], ['rsa'], {}, { toString: 'rsa' } as object]
  const own = setup.signers.flatMap(({ kid }) => kid ?? [])
  const nobody: Signer = { alg: 'HS256', key: createSecretKey(Buffer.alloc(0)) }
  return [...HOSTILE_TEXTS.filter(text => text.length < 1000), ...KEY_IDS, ...odd, ...own].flatMap(kid =>
    [...setup.signers, nobody].map(
      (signer): Hostile => [
        `kid ${JSON.stringify(kid)} with ${signer.alg}`,
        () => signParts({ ...headerOf(signer), kid }, goodClaims(setup), signer),
      ],
    ),
  )
}

/** RFC 7515 §4.1.11, RFC 7797: what a verifier would have to understand, and what it may ignore; signed by a good key. */
function critical({ setup }: Populated): Hostile[] {
  const members = [
    '"crit":["exp"]|"crit":[]|"crit":["b64"],"b64":false|"crit":["b64"],"b64":true|"crit":null|"crit":"exp"|"crit":{}',
    '"b64":false|"b64":true|"b64":null|"b64":0|"CRIT":["x"]|"zip":"DEF"|"cty":"JWT"|"typ":"at+jwt"|"typ":null|"typ":5',
    '"enc":"A128GCM"|"p2c":1e9|"constructor":{"prototype":{}}|"toString":"x"|"hasOwnProperty":1|"length":5|"then":1',
  ]
  const [signer] = setup.signers
  return members
    .flatMap(line => line.split('|'))
    .map((member): Hostile => {
      const header = `{${member},${JSON.stringify(headerOf(signer)).slice(1)}`
      return [`header with ${member}`, () => signParts(header, goodClaims(setup), signer)]
    })
}
