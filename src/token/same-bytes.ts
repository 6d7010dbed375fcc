import { timingSafeEqual } from 'node:crypto'

/** Whether two buffers are equal. The time it takes depends on their lengths only, which are not secret. */
export function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
