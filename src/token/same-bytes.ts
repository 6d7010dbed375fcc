import { timingSafeEqual } from 'node:crypto'

/** In a time that depends on the lengths only, which are no secret. */
export function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
