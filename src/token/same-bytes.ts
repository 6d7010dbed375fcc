import { timingSafeEqual } from 'node:crypto'

/** Whether two buffers are equal. The time of the comparison depends only on their lengths, which are not secret. */
export function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
