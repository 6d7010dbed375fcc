import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** One hash takes 32 MB of memory, and a fifth of a second or more. `N` is a power of two. */
const COST = { N: 2 ** 15, r: 8, p: 3 }
const BYTES = { salt: 16, hash: 32 }

/** Hashes a password. The result contains the salt and the cost, so hashes stay valid if `COST` is changed. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(BYTES.salt)
  const hash = await derive(password, salt, COST)
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64'), hash.toString('base64')].join('$')
}

/**
 * Compares a password with the result of `hashPassword`. `undefined` is the hash of an unknown user: the answer is
 * `false`, and takes as long as that for a wrong password. Otherwise the time would tell which users exist.
 */
export async function isPassword(password: string, hash: string | undefined): Promise<boolean> {
  const isEqual = await compare(password, hash ?? (await hashOfNobody))
  return hash !== undefined && isEqual
}

/** The hash of a password that nobody knows. */
const hashOfNobody = hashPassword(randomBytes(BYTES.hash).toString('base64'))

async function compare(password: string, stored: string): Promise<boolean> {
  const [kind, N, r, p, salt = '', hash = ''] = stored.split('$')
  const expected = Buffer.from(hash, 'base64')
  // A damaged hash must not be equal to anything, as an empty one would be.
  if (kind !== 'scrypt' || expected.length !== BYTES.hash) throw new Error('The stored hash of a password is damaged')
  const actual = await derive(password, Buffer.from(salt, 'base64'), { N: Number(N), r: Number(r), p: Number(p) })
  return timingSafeEqual(actual, expected)
}

function derive(password: string, salt: Buffer, cost: typeof COST): Promise<Buffer> {
  // The same password can be typed as different characters, such as one é or an e and an accent.
  const text = password.normalize('NFKC')
  // scrypt takes 128 * N * r bytes and a little more.
  const options = { ...cost, maxmem: 256 * cost.N * cost.r }
  return new Promise((resolve, reject) => {
    scrypt(text, salt, BYTES.hash, options, (error, hash) => (error ? reject(error) : resolve(hash)))
  })
}
