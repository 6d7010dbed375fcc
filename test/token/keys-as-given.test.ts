import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, createSecretKey, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { AuthX, type AuthXOptions, type KeyInput } from '../../src/index.js'
import { assertOneProblem, problemsOf } from '../config/problems.js'
import { TEST_SECRET, warningsOf } from '../support/app.js'
import { CERTIFICATE, formsOfPublicKey } from '../support/key-forms.js'
import { problemsIn } from '../support/problems.js'
import { makeEcPair, makeRsaPair, verdictOf } from '../support/signing.js'

const [rsa, ec] = [makeRsaPair(), makeEcPair()]
const sec1 = createPrivateKey(ec.privateKey).export({ type: 'sec1', format: 'pem' }).toString()
const pkcs1 = createPrivateKey(rsa.privateKey).export({ type: 'pkcs1', format: 'pem' }).toString()
const base64 = (text: string | Buffer) => Buffer.from(text as Buffer).toString('base64')
const bodyOf = (pem: string) => pem.split('\n').slice(1, -2).join('')

/** How a PEM document travels through files, shells, YAML, JSON and the consoles of providers. */
const TRAVELLED: readonly [how: string, write: (pem: string) => string][] = [
  ['as it is', pem => pem],
  ['without its last line break', pem => pem.trim()],
  ['with literal \\n', pem => pem.replaceAll('\n', '\\n')],
  ['with literal \\n, escaped once more', pem => pem.replaceAll('\n', '\\\\n')],
  ['with literal \\r\\n', pem => pem.replaceAll('\n', '\\r\\n')],
  ['with carriage returns', pem => pem.replaceAll('\n', '\r\n')],
  ['with carriage returns alone', pem => pem.replaceAll('\n', '\r')],
  ['in quotes', pem => `"${pem}"`],
  ['in single quotes, with literal \\n', pem => `'${pem.replaceAll('\n', '\\n')}'`],
  ['with white space around it', pem => ` \t\n${pem}\n  `],
  ['with white space before each line', pem => pem.replaceAll(/^/gm, '    ')],
  ['on one line, with spaces for line breaks', pem => pem.trim().replaceAll('\n', ' ')],
  ['on one line', pem => pem.replaceAll('\n', '')],
  ['on one line without any space', pem => pem.replaceAll(/\s/g, '')],
  ['after a byte order mark', pem => `\ufeff${pem}`],
  ['as base64', pem => base64(pem)],
  ['as base64 with line breaks', pem => base64(pem).replace(/.{1,76}/g, '$&\n')],
  ['as base64 in quotes', pem => `"${base64(pem)}"`],
  ['as base64url', pem => Buffer.from(pem).toString('base64url')],
  ['without its first and last line', pem => bodyOf(pem)],
  ['without its first and last line, in lines', pem => pem.split('\n').slice(1, -2).join('\n')],
]

const PAIRS = [
  ['RS256', rsa.privateKey, rsa.publicKey],
  ['RS256', pkcs1, rsa.publicKey],
  ['ES256', ec.privateKey, ec.publicKey],
  ['ES256', sec1, ec.publicKey],
] as const

describe('a PEM document is read however it has travelled', () => {
  for (const [how, write] of TRAVELLED) {
    test(how, async () => {
      for (const [algorithm, privatePem, publicPem] of PAIRS) {
        const [privateKey, publicKey] = [write(privatePem), write(publicPem)]
        const env = { JWT_ALGORITHM: algorithm, JWT_PRIVATE_KEY: privateKey, JWT_PUBLIC_KEY: publicKey }
        const previous = { JWT_PREVIOUS_PUBLIC_KEY: JSON.stringify([publicKey]) }
        const signers = [AuthX.fromEnv({}, env), new AuthX({ algorithm, privateKey: Buffer.from(privateKey) })]
        const verifiers = [
          AuthX.fromEnv({}, { ...env, JWT_PRIVATE_KEY: '', ...previous }),
          new AuthX({ algorithm, publicKey }),
          new AuthX({ algorithm, keys: [{ kid: 'a', publicKey: Buffer.from(publicKey) }], getKey: () => publicPem }),
        ]
        for (const signer of signers) {
          for (const verifier of verifiers) await verifier.verifyToken(signer.createAccessToken('test'))
        }
      }
    })
  }

  test('in UTF-16, as some shells write files', async () => {
    for (const bytes of [
      Buffer.from(`\ufeff${ec.publicKey}`, 'utf16le'),
      Buffer.from(`\ufeff${ec.publicKey}`, 'utf16le').swap16(),
    ]) {
      const verifier = new AuthX({ algorithm: 'ES256', publicKey: bytes })
      await verifier.verifyToken(new AuthX({ algorithm: 'ES256', ...ec }).createAccessToken('test'))
    }
  })

  test('and so is DER, and a certificate in any of these forms', () => {
    const der = createPublicKey(ec.publicKey).export({ type: 'spki', format: 'der' })
    const certificate = `-----BEGIN CERTIFICATE-----\n${CERTIFICATE}\n-----END CERTIFICATE-----\n`
    const certificates = TRAVELLED.map(([, write]) => write(certificate))
    for (const publicKey of [der, Buffer.from(CERTIFICATE, 'base64'), ...certificates]) {
      assert.deepEqual(problemsOf({ algorithm: 'ES256', publicKey }), [])
    }
  })

  test('the text of a JWK is a key where a key of a pair is wanted', async () => {
    const jwk = JSON.stringify(createPrivateKey(ec.privateKey).export({ format: 'jwk' }))
    const publicJwk = JSON.stringify(createPublicKey(ec.publicKey).export({ format: 'jwk' }))
    const signer = AuthX.fromEnv({}, { JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY: jwk })
    const env = { JWT_ALGORITHM: 'ES256', JWT_PUBLIC_KEY: publicJwk, JWT_PREVIOUS_PUBLIC_KEY: publicJwk }
    await AuthX.fromEnv({}, env).verifyToken(signer.createAccessToken('test'))
  })

  test('getKey may return it so too', async () => {
    for (const [, write] of TRAVELLED.filter(([how]) => !/base64|without its/.test(how))) {
      const authx = new AuthX({ decodeAlgorithms: ['ES256', 'HS256'], getKey: () => write(ec.publicKey) })
      await authx.verifyToken(new AuthX({ algorithm: 'ES256', ...ec }).createAccessToken('test'))
    }
  })
})

describe('what is no readable key is called by what it is', () => {
  const encrypted = createPrivateKey(ec.privateKey)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'TEST' })
    .toString()
  const damaged = ec.publicKey.replace(/[A-Za-z0-9+/]{20}/, 'A'.repeat(20))
  const ssh = String(formsOfPublicKey(createPublicKey(ec.publicKey)).find(([what]) => what === 'OpenSSH')?.[1])
  const openSsh = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n'
  const der = createPublicKey(ec.publicKey).export({ type: 'spki', format: 'der' })
  const jwk = JSON.stringify(createPublicKey(ec.publicKey).export({ format: 'jwk' }))
  const WRONG: readonly [what: string, options: AuthXOptions, says: RegExp][] = [
    ['a path', { publicKey: '/run/secrets/jwt_key' }, /looks like a path.*readFileSync/],
    ['a relative path', { publicKey: './keys/public.pem' }, /looks like a path/],
    ['a file name', { privateKey: 'jwt.key' }, /looks like a path/],
    ['a path of Windows', { publicKey: 'C:\\keys\\jwt.pem' }, /looks like a path/],
    ['an encrypted key', { privateKey: encrypted }, /encrypted.*passphrase/],
    ['an encrypted key on one line', { privateKey: encrypted.replaceAll('\n', '\\n') }, /encrypted/],
    ['an encrypted key as base64', { privateKey: base64(encrypted) }, /encrypted/],
    ['a document without an end', { publicKey: ec.publicKey.slice(0, 90) }, /no END line/],
    ['a damaged document', { publicKey: damaged }, /contains no readable public key; give/],
    ['a damaged document on one line', { publicKey: damaged.replaceAll('\n', ' ') }, /it is on one line/],
    ['a damaged document with literal \\n', { publicKey: damaged.replaceAll('\n', '\\n') }, /literal \\n/],
    ['a damaged document in quotes', { publicKey: `"${damaged}"` }, /it is in quotes/],
    [
      'line breaks as a URL has them',
      { publicKey: ec.publicKey.replaceAll('\n', '%0A') },
      /line breaks are written as %0A/,
    ],
    [
      'a document as a URL has it',
      { publicKey: encodeURIComponent(ec.publicKey) },
      /percent-encoded.*decodeURIComponent/,
    ],
    [
      'line breaks as JSON may have them',
      { publicKey: ec.publicKey.replaceAll('\n', '\\u000a') },
      /line breaks are written as \\u000a/,
    ],
    ['DER in hexadecimal', { publicKey: der.toString('hex') }, /in hexadecimal.*Buffer\.from\(text, 'hex'\)/],
    ['DER in capitals', { publicKey: der.toString('hex').toUpperCase() }, /in hexadecimal/],
    ['a PEM document in hexadecimal', { publicKey: Buffer.from(ec.publicKey).toString('hex') }, /in hexadecimal/],
    ['a private key in hexadecimal', { privateKey: der.toString('hex') }, /in hexadecimal/],
    ['a JWK in quotes', { publicKey: JSON.stringify(jwk) }, /is a JWK in quotes/],
    ['a JWK in single quotes', { publicKey: `'${jwk}'` }, /is a JWK in quotes/],
    ['base64 of something else', { publicKey: base64(randomBytes(90)) }, /neither in PEM form nor as base64/],
    ['a public key of OpenSSH', { publicKey: ssh }, /OpenSSH.*ssh-keygen -e -m PKCS8/],
    ['a private key of OpenSSH', { privateKey: openSsh }, /OpenSSH.*ssh-keygen -p -m PKCS8/],
    ['a public key as the private one', { privateKey: base64(ec.publicKey) }, /is a public key/],
    ['bare DER of a public key as the private one', { privateKey: bodyOf(ec.publicKey) }, /is a public key/],
    ['a private key as the public one', { publicKey: ec.privateKey.replaceAll('\n', '\\n') }, /private key/],
    ['bare DER of a private key as the public one', { publicKey: bodyOf(ec.privateKey) }, /private key/],
    ['SEC 1 as the public one', { publicKey: bodyOf(sec1) }, /private key/],
    ['an empty key', { publicKey: '' }, /is empty/],
    ['a word', { publicKey: 'TEST' }, /not a public key in PEM form/],
  ]
  for (const [what, options, says] of WRONG) {
    test(what, () => {
      const problems = problemsOf({ algorithm: 'ES256', ...options })
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0] ?? '', says)
      const [given = ''] = Object.values(options as Record<string, string>)
      for (const run of given.match(/[\w+/]{24,}/g) ?? []) assert.ok(!problems[0]?.includes(run))
    })
  }

  test('the text of a JWK as a secret', () => {
    const secretKey = JSON.stringify({ kty: 'oct', k: randomBytes(32).toString('base64url') })
    assertOneProblem(problemsOf({ secretKey }), 'secretKey is the JSON text of a JWK')
    assertOneProblem(
      problemsIn(() => AuthX.fromEnv({}, { JWT_SECRET_KEY: TEST_SECRET, JWT_PREVIOUS_SECRET_KEY: secretKey })),
      'previousSecretKey[0] is the JSON text of a JWK',
    )
  })
})

describe('a secret with something that does not belong there', () => {
  const STRAY: readonly [what: string, secret: KeyInput, says: RegExp][] = [
    ['a line break at its end', `${TEST_SECRET}\n`, /ends with a line break/],
    ['a carriage return at its end', `${TEST_SECRET}\r\n`, /carriage return/],
    ['a carriage return alone', `${TEST_SECRET}\r`, /carriage return/],
    ['a literal \\n at its end', `${TEST_SECRET}\\n`, /literal \\n/],
    ['a space at its end', `${TEST_SECRET} `, /ends with white space/],
    ['a no-break space at its end', `${TEST_SECRET}\u00a0`, /ends with white space/],
    ['a space of no width at its end', `${TEST_SECRET}\u200b`, /ends with white space/],
    ['a tab at its beginning', `\t${TEST_SECRET}`, /begins with white space/],
    ['a byte order mark', `\ufeff${TEST_SECRET}`, /byte order mark/],
    ['quotes around it', `"${TEST_SECRET}"`, /in quotes/],
    ['single quotes around it, and a line break', `'${TEST_SECRET}'\n`, /line break, is in quotes/],
    ['a line break inside', `${TEST_SECRET}\n${TEST_SECRET}`, /contains a line break/],
    ['a Buffer of a file', Buffer.from(`${TEST_SECRET}\n`), /ends with a line break/],
    ['a Buffer of a file in UTF-16', Buffer.from(`\ufeff${TEST_SECRET}`, 'utf16le'), /UTF-16/],
    ['a KeyObject of a file', createSecretKey(Buffer.from(`${TEST_SECRET}\n`)), /ends with a line break/],
    ['a JWK of a file', { kty: 'oct', k: Buffer.from(`${TEST_SECRET}\n`).toString('base64url') }, /line break/],
  ]
  for (const [what, secret, says] of STRAY) {
    test(`${what}: a warning, and the secret stays as it is`, async () => {
      const made: AuthX[] = []
      const warnings = await warningsOf(() => made.push(new AuthX({ secretKey: secret })))
      const [warning] = warnings.filter(({ code }) => code === 'AUTHX_SECRET_TEXT')
      assert.match(warning?.message ?? '', says)
      assert.match(warning?.message ?? '', /^secretKey .*previousSecretKey/)
      assert.ok(!warning?.message.includes(TEST_SECRET))
      const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret
      const other = new AuthX({ keys: [{ kid: 'a', secretKey: bytes }], getKey: () => bytes })
      assert.equal(await verdictOf(() => other.verifyToken(made[0]?.createAccessToken('test') ?? '')), 'good')
      const trimmed = new AuthX({ secretKey: TEST_SECRET })
      assert.notEqual(await verdictOf(() => trimmed.verifyToken(made[0]?.createAccessToken('test') ?? '')), 'good')
    })
  }

  const codesOf = async (work: () => unknown) =>
    (await warningsOf(work))
      .filter(({ code }) => code === 'AUTHX_SECRET_TEXT')
      .map(({ message }) => message.split(' ')[0])

  test('is named wherever it is given', async () => {
    const stray = `${TEST_SECRET}\n`
    assert.deepEqual(await codesOf(() => AuthX.fromEnv({}, { JWT_SECRET_KEY: stray })), ['secretKey'])
    const previousSecretKey = ['another secret of more than thirty-two bytes', stray]
    const options = { secretKey: TEST_SECRET, previousSecretKey }
    assert.deepEqual(await codesOf(() => new AuthX(options)), ['previousSecretKey[1]'])
    const keys = [
      { kid: 'a', secretKey: TEST_SECRET },
      { kid: 'b', secretKey: stray },
    ]
    assert.deepEqual(await codesOf(() => new AuthX({ keys })), ['keys[1].secretKey'])
    const authx = new AuthX({ secretKey: TEST_SECRET })
    assert.deepEqual(await codesOf(() => authx.setKeys({ secretKey: stray })), ['secretKey'])
  })

  test('random bytes are no text, and a plain secret is nothing to warn of', async () => {
    const secrets = ['\n', '\r', ' ', '"', '\0'].map(end => Buffer.concat([randomBytes(40), Buffer.from(end)]))
    const texts = [randomBytes(64).toString('base64'), 'a passphrase with spaces, "quotes" and a tab\tinside']
    const silent = [...secrets, ...texts, Buffer.alloc(32), Buffer.alloc(32, ' ')]
    assert.deepEqual(await codesOf(() => silent.map(secretKey => new AuthX({ secretKey }))), [])
  })

  test('a previous secret in the environment is the text that the secret was, quotes included', async () => {
    for (const secret of [`"${TEST_SECRET}"`, `{${TEST_SECRET}}`, `["${TEST_SECRET}`]) {
      const before = AuthX.fromEnv({}, { JWT_SECRET_KEY: secret }).createAccessToken('test')
      const env = { JWT_SECRET_KEY: TEST_SECRET.repeat(2), JWT_PREVIOUS_SECRET_KEY: secret }
      assert.equal(await verdictOf(() => AuthX.fromEnv({}, env).verifyToken(before)), 'good')
    }
  })
})
