import type { AuthX } from '../../../src/index.js'
import { Broken, type Outcome, type Pass } from '../case.js'
import { type Random, randomOf, SEED } from '../fleet/random.js'
import { contentOf } from '../reference/signing.js'
import { readToken } from '../reference/token-rules.js'
import { WatchedStore } from '../reference/watched-store.js'
import { instanceOf, KEYS, type Setup, setupFor } from './instances.js'

const ROUNDS: Readonly<Record<Pass, number>> = { full: 16, short: 2 }

/** Every algorithm, with a key of each size whose signatures have spellings of their own. */
const SETUPS: readonly Setup[] = [
  ...(['HS256', 'HS384', 'HS512'] as const).map(each => setupFor(each, KEYS.secret)),
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const).map(each => setupFor(each, KEYS.rsa)),
  ...(['RS256', 'PS256'] as const).map(each => setupFor(each, KEYS.longRsa)),
  setupFor('ES256', KEYS.ec),
  setupFor('ES384', KEYS.ec384),
  setupFor('ES512', KEYS.ec521),
]

export async function spellings(pass: Pass): Promise<Outcome> {
  const broken = new Broken()
  const random = randomOf(300)
  const totals = { count: 0, accepted: 0 }
  for (const setup of SETUPS) {
    const store = new WatchedStore()
    const authx = instanceOf(setup, { store })
    for (let round = 0; round < ROUNDS[pass]; round++) {
      const { count, accepted } = await oneToken(authx, setup, random, round, line =>
        broken.add(`${setup.name}: ${line}`),
      )
      totals.count += count
      totals.accepted += accepted
    }
  }
  const seen = `${SETUPS.length} algorithms and keys, seed ${SEED}; ${totals.accepted} spellings were good`
  return { count: totals.count, seen, broken: broken.lines }
}

/** All spellings of a token before it is revoked by one of them, and after. */
async function oneToken(authx: AuthX, setup: Setup, random: Random, round: number, tell: (line: string) => void) {
  const [type, token] = await issue(authx, round)
  const accepted: string[] = []
  const all = spellingsOf(token, setup.options.algorithm ?? '')
  for (const each of all) {
    const { good } = readToken(each, setup.rules)
    const verdict = await verdictOf(authx, each, type)
    if (verdict === 'good') accepted.push(each)
    if (good === 'yes' && verdict !== 'good') tell(`a good ${type} token is refused with ${verdict}: ${each}`)
    if (good === 'no' && verdict === 'good') tell(`a ${type} token is accepted that no key has signed: ${each}`)
  }
  await revoke(authx, random.pick(accepted.length > 0 ? accepted : [token]), round)
  for (const each of accepted) {
    const verdict = await verdictOf(authx, each, type)
    if (verdict !== 'RevokedTokenError') tell(`a revoked ${type} token is ${verdict}: ${each}`)
  }
  return { count: all.length + accepted.length, accepted: accepted.length }
}

/** Access and refresh tokens, of a session and by themselves. */
async function issue(authx: AuthX, round: number): Promise<['access' | 'refresh', string]> {
  const sub = `user ${round}`
  if (round % 4 === 0) return ['access', authx.createAccessToken(sub)]
  if (round % 4 === 1) return ['refresh', authx.createRefreshToken(sub)]
  const pair = await authx.createTokenPair(sub)
  return round % 4 === 2 ? ['access', pair.access_token] : ['refresh', pair.refresh_token]
}

/** In all ways that there are; the session's id is the same in every spelling. */
async function revoke(authx: AuthX, spelling: string, round: number): Promise<void> {
  const { sid, sub } = contentOf(spelling)
  const way = Math.floor(round / 4) % 3
  if (way === 0) return authx.revoke(spelling)
  if (way === 1 && sid !== undefined) return void (await authx.revokeSession(String(sid)))
  return authx.revokeAllSessions(String(sub))
}

async function verdictOf(authx: AuthX, token: string, type: 'access' | 'refresh'): Promise<string> {
  return authx.verifyToken(token, { type }).then(
    () => 'good',
    error => (error as Error).name,
  )
}

const LETTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']

/** Of each curve, so that (r, n - s) is a signature where (r, s) is one. */
const ORDERS: Readonly<Record<string, bigint>> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ES512:
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
}

function spellingsOf(token: string, algorithm: string): string[] {
  const order = ORDERS[algorithm]
  return [token, ...(order === undefined ? [] : [mirrored(token, order)])].flatMap(each => [
    each,
    ...LETTERS.flatMap(letter => [each.slice(0, -1) + letter, each + letter]),
    ...LETTERS.map(letter => withLast(each, 1, letter)),
    ...LETTERS.map(letter => withLast(each, 0, letter)),
    ...['=', '==', '.', ' ', 'A'.repeat(4)].map(more => each + more),
  ])
}

function withLast(token: string, part: 0 | 1, letter: string): string {
  const parts = token.split('.')
  parts[part] = (parts[part] ?? '').slice(0, -1) + letter
  return parts.join('.')
}

function mirrored(token: string, order: bigint): string {
  const [head = '', payload = '', text = ''] = token.split('.')
  const signature = Buffer.from(text, 'base64url')
  const half = signature.length / 2
  const s = order - BigInt(`0x${signature.subarray(half).toString('hex')}`)
  const other = Buffer.from(s.toString(16).padStart(half * 2, '0'), 'hex')
  return `${head}.${payload}.${Buffer.concat([signature.subarray(0, half), other]).toString('base64url')}`
}
