import { beyondFloor, type Slice, timesFloor } from './figures.js'
import type { Aim } from './row.js'

/** The slices of the rows of one run, by the name of the row. */
export type SlicesOf = (name: string) => readonly Slice[] | undefined

/** Whether the figure of a row meets an aim. @throws Error if it needs a row that was not measured. */
export function isMet(aim: Aim, slices: readonly Slice[], slicesOf: SlicesOf): boolean {
  if ('timesFloor' in aim) return timesFloor(slices).figure <= aim.timesFloor
  return beyondFloor(slices).figure <= limit(aim, slicesOf)
}

/** Microseconds. */
function limit(aim: Exclude<Aim, { timesFloor: number }>, slicesOf: SlicesOf): number {
  if ('atMost' in aim) return aim.atMost
  const others = slicesOf(aim.of)
  if (!others) throw new Error(`the aim needs the row ${aim.of}, which was not measured`)
  return aim.share * beyondFloor(others).figure
}

/** The names of the rows that aims are compared with. */
export const namesIn = (aims: readonly Aim[] = []): string[] => aims.flatMap(aim => ('of' in aim ? [aim.of] : []))

export function textOf(aim: Aim): string {
  if ('timesFloor' in aim) return `at most ${aim.timesFloor} of the floor`
  if ('atMost' in aim) return `at most ${aim.atMost}`
  return `at most ${aim.share} of "${aim.of}"`
}
