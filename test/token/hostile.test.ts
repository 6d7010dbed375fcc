import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AuthX, AuthXError } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { makeAuthX, TEST_NOW } from '../support/app.js'
import { forge, forgeWith, GOOD_CLAIMS, makeEcPair, makeRsaPair, verdictOf } from '../support/signing.js'

const now = () => TEST_NOW
const rsa = makeRsaPair()
const ec = makeEcPair()

/** The three kinds of instance whose verification differs. */
const INSTANCES = {
  'a secret': makeAuthX({ now }),
  'a secret and previous ones': makeAuthX({ now, previousSecretKey: ['TEST_ONLY_previous_secret_of_32_bytes'] }),
  'named keys': new AuthX({ now, algorithm: 'RS256', keys: [{ kid: 'a', ...rsa }] }),
  'an EC pair': new AuthX({ now, algorithm: 'ES256', ...ec }),
}

/** Nothing but an AuthXError with status 401 comes of a token that is not good. */
async function isRefused(authx: AuthX, token: unknown): Promise<boolean> {
  try {
    await authx.verifyToken(token as string)
    return false
  } catch (error) {
    assert.ok(error instanceof AuthXError, String(error))
    assert.equal(error.status, 401)
    return true
  }
}

describe('no input does harm', () => {
  for (const [what, authx] of Object.entries(INSTANCES)) {
    const good = authx.createAccessToken('test')

    test(`with ${what}: any text is refused`, async () => {
      await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }), text => isRefused(authx, text)))
      const parts = fc
        .array(fc.base64String(), { minLength: 3, maxLength: 3 })
        .map(texts => texts.join('.').replaceAll('=', ''))
      await fc.assert(fc.asyncProperty(parts, text => isRefused(authx, text)))
    })

    test(`with ${what}: any JSON in the parts of a token is refused`, async () => {
      const json = fc.json().map(text => Buffer.from(text).toString('base64url'))
      await fc.assert(fc.asyncProperty(json, json, (header, payload) => isRefused(authx, `${header}.${payload}.AAAA`)))
      const signature = good.split('.')[2]
      await fc.assert(
        fc.asyncProperty(json, payload => isRefused(authx, `${good.split('.')[0]}.${payload}.${signature}`)),
      )
    })

    test(`with ${what}: a token with one letter changed, left out or put in is refused`, async () => {
      // The last letter of the signature holds spare bits: other spellings of the same token, tested elsewhere.
      const at = fc.nat(good.length - 2)
      const letter = fc.constantFrom(...'ABCabc019-_.=+/ \n\0é')
      const holds = fc.asyncProperty(at, letter, fc.constantFrom(0, 1), async (index, put, cut) => {
        const changed = good.slice(0, index) + put + good.slice(index + cut)
        return changed === good || (await isRefused(authx, changed))
      })
      await fc.assert(holds, { numRuns: 300 })
      for (let n = 0; n < good.length; n++) await isRefused(authx, good.slice(0, n) + good.slice(n + 1))
    })

    test(`with ${what}: a token cut short or with something around it is refused`, async () => {
      const parts = good.split('.')
      const wrong = [
        ...Array.from({ length: good.length }, (_, n) => good.slice(0, n)),
        ...[
          ` ${good}`,
          `${good} `,
          `${good}\n`,
          `${good}=`,
          `${good}.`,
          `.${good}`,
          `${good}.AAAA`,
          `"${good}"`,
          `Bearer ${good}`,
        ],
        ...[`${parts[0]}..${parts[2]}`, `${parts[0]}.${parts[1]}.`, `.${parts[1]}.${parts[2]}`, '..', '...'],
      ]
      for (const each of wrong) assert.ok(await isRefused(authx, each), each)
    })

    test(`with ${what}: what is no string is refused`, async () => {
      for (const value of [
        undefined,
        null,
        0,
        true,
        [],
        [good],
        {},
        { toString: () => good },
        Buffer.from(good),
        Symbol('a'),
      ]) {
        assert.ok(await isRefused(authx, value))
      }
    })
  }

  test('claims of any JSON never end in anything but a verdict', async () => {
    const authx = INSTANCES['a secret']
    const names = fc.constantFrom(
      ...Object.keys(GOOD_CLAIMS),
      'nbf',
      'aud',
      'iss',
      'scopes',
      'sid',
      'gen',
      'csrf',
      'fresh',
      '__proto__',
    )
    const holds = fc.asyncProperty(fc.dictionary(names, fc.jsonValue()), async changes => {
      assert.match(await verdictOf(() => authx.verifyToken(forgeWith(changes))), /^good$|Error$/)
    })
    await fc.assert(holds, { numRuns: 500 })
  })
})

describe('what a key of ours has signed', () => {
  const authx = INSTANCES['a secret']
  const verdict = (payload: string, header?: object) => verdictOf(() => authx.verifyToken(forge(payload, header)))
  const claims = JSON.stringify(GOOD_CLAIMS)

  for (const header of [{ alg: 'HS256', typ: 'JWT' }, { alg: 'HS256' }]) {
    const typ = 'typ' in header ? 'with' : 'without'

    test(`holds claims however their JSON is laid out, ${typ} typ`, async () => {
      for (const before of ['', ' ', '\n', '\t\r\n ']) {
        for (const inside of ['', ' ', '\n', '\t']) {
          const laidOut = before + claims.replace('{', `{${inside}`)
          assert.equal(await verdict(laidOut, header), 'good', JSON.stringify(laidOut))
        }
      }
    })

    test(`holds none if it is a text, a list or no JSON, ${typ} typ`, async () => {
      const text = JSON.stringify(claims)
      for (const payload of [text, ` ${text}`, `[${claims}]`, `\ufeff${claims}`, '{', `${claims}}`, '"', 'null', '0']) {
        assert.equal(await verdict(payload, header), 'JWTDecodeError', payload)
      }
    })
  }

  test('is judged by its own header, whichever came before', async () => {
    const named = new AuthX({
      now,
      algorithm: 'RS256',
      keys: [
        { kid: 'a', ...rsa },
        { kid: 'b', ...makeRsaPair() },
      ],
    })
    const good = named.createAccessToken('test')
    const [, payload, signature] = good.split('.')
    const withHeader = (header: object) =>
      `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}.${signature}`
    const others = [{ alg: 'none' }, { alg: 'RS256', kid: 'b' }, { alg: 'RS256', kid: 'a', crit: ['exp'] }]
    for (const header of others) {
      assert.equal(await verdictOf(() => named.verifyToken(good)), 'good')
      assert.ok(await isRefused(named, withHeader(header)))
    }
  })
})

describe('a token over 8 KiB', () => {
  /** A token of good claims that is `length` letters long. */
  function tokenOfLength(length: number): string {
    for (let padding = 0; ; padding++) {
      const token = forgeWith({ padding: 'x'.repeat(Math.max(0, Math.floor((length * 3) / 4) - 200 + padding)) })
      if (token.length >= length) return token
    }
  }

  test('is refused however well it is signed, and one of 8 KiB is not', async () => {
    const authx = makeAuthX({ now })
    assert.equal(tokenOfLength(8192).length, 8192)
    assert.equal(await isRefused(authx, tokenOfLength(8192)), false)
    assert.equal(await isRefused(authx, tokenOfLength(8193)), true)
    assert.equal(await isRefused(authx, `${forgeWith({})}${'A'.repeat(10_000_000)}`), true)
  })

  test('is not issued', () => {
    assert.throws(() => makeAuthX().createAccessToken('test', { data: { a: 'x'.repeat(6200) } }), TypeError)
  })
})

describe('other spellings of the same signature', () => {
  const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

  /** The same token with each last letter. */
  const respelt = (token: string) => [...LETTERS].map(letter => token.slice(0, -1) + letter)

  /** (r, s) and (r, n - s) are both signatures of the same message. */
  function mirrored(token: string): string {
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const [head = '', payload = '', text = ''] = token.split('.')
    const signature = Buffer.from(text, 'base64url')
    const s = order - BigInt(`0x${signature.subarray(32).toString('hex')}`)
    const other = Buffer.from(s.toString(16).padStart(64, '0'), 'hex')
    return `${head}.${payload}.${Buffer.concat([signature.subarray(0, 32), other]).toString('base64url')}`
  }

  const store = () => new MemoryTokenStore()
  const CASES = [
    [
      'RS256',
      new AuthX({
        algorithm: 'RS256',
        privateKey: createPrivateKey(rsa.privateKey),
        publicKey: createPublicKey(rsa.publicKey),
        store: store(),
      }),
      16,
    ],
    ['ES256', new AuthX({ algorithm: 'ES256', ...ec, store: store() }), 32],
  ] as const

  for (const [algorithm, authx, count] of CASES) {
    test(`${algorithm}: are accepted before the token is revoked, and all refused after`, async () => {
      const token = authx.createAccessToken('test')
      const spellings = [...respelt(token), ...(algorithm === 'ES256' ? respelt(mirrored(token)) : [])]
      const verdicts = await Promise.all(spellings.map(each => verdictOf(() => authx.verifyToken(each))))
      const accepted = spellings.filter((_, n) => verdicts[n] === 'good')
      assert.equal(accepted.length, count)
      await authx.revoke(accepted.find(each => each !== token) ?? '')
      for (const each of accepted) assert.equal(await verdictOf(() => authx.verifyToken(each)), 'RevokedTokenError')
    })
  }

  // Signatures that fill their last group of four letters: a decoder that drops what is left over sees the same bytes.
  const FULL = [
    ['ES384', makeEcPair('P-384')],
    ['PS256', makeRsaPair(3072)],
  ] as const
  for (const [algorithm, pair] of FULL) {
    test(`${algorithm}: a letter too many is refused, which stands for no byte`, async () => {
      const authx = new AuthX({ algorithm, ...pair, store: store() })
      const token = authx.createAccessToken('test')
      assert.equal((token.split('.')[2] ?? '').length % 4, 0)
      for (const letter of LETTERS) assert.ok(await isRefused(authx, token + letter), letter)
    })
  }

  test('a forged token is forged in every spelling', async () => {
    for (const each of respelt(forge(GOOD_CLAIMS, undefined, 'TEST_ONLY_no_secret_of_ours'))) {
      assert.ok(await isRefused(makeAuthX({ now }), each))
    }
  })
})
