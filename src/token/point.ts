import { createPublicKey } from 'node:crypto'
import { succeeds } from './succeeds.js'

const COORDINATE_BYTES: readonly [crv: string, bytes: number][] = [
  ['P-256', 32],
  ['secp256k1', 32],
  ['P-384', 48],
  ['P-521', 66],
]

/**
 * Whether bytes are an uncompressed point of a curve (SEC 1 §2.3.3), with or without the first byte 4. Random bytes are
 * not on a curve.
 */
export function isPoint(bytes: Buffer): boolean {
  const point = bytes.length % 2 === 1 && bytes[0] === 4 ? bytes.subarray(1) : bytes
  const half = point.length / 2
  return COORDINATE_BYTES.some(([crv, length]) => {
    if (length !== half) return false
    const [x, y] = [point.subarray(0, half), point.subarray(half)].map(number => number.toString('base64url'))
    return succeeds(() => createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' }))
  })
}

/** Maximum number of coordinates in one text that are compared. */
const MOST_COORDINATES = 100

/** How far apart the two coordinates of a point may be: other members of the key, such as `kid`, can look like them. */
const LONGEST_DISTANCE = 4

/**
 * Whether a text contains the two coordinates of a point of a curve, in any order and notation: as the members `x` and
 * `y` of a JWK without `kty`, in YAML or in a list. Two random numbers are not the coordinates of a point.
 */
export function holdsPoint(text: string): boolean {
  const coordinates = coordinatesIn(text)
  return coordinates.some((one, index) =>
    coordinates
      .slice(index + 1, index + 1 + LONGEST_DISTANCE)
      .some(other => isPoint(Buffer.concat([one, other])) || isPoint(Buffer.concat([other, one]))),
  )
}

/** Returns the values in a text that are as long as a coordinate, from hexadecimal and base64. */
function coordinatesIn(text: string): Buffer[] {
  const words = text.match(/(?<![\w+/-])[\w+/-]{43,134}(?![\w+/-])/g) ?? []
  return words.slice(0, MOST_COORDINATES).flatMap(word => {
    const hex = word.replace(/^0x/i, '')
    const values = [...(/^[\da-f]+$/i.test(hex) ? [Buffer.from(hex, 'hex')] : []), Buffer.from(word, 'base64')]
    return values.filter(value => COORDINATE_BYTES.some(([, bytes]) => bytes === value.length))
  })
}
