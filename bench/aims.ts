import { beyondFloor, type Round, timesFloor } from './figures.js'
import type { Aim } from './row.js'

/** The rounds of the rows of one run, by the name of the row. */
export type RoundsOf = (name: string) => readonly Round[] | undefined

/** Whether the figure of a row meets an aim. @throws Error if it needs a row that was not measured. */
export function isMet(aim: Aim, rounds: readonly Round[], roundsOf: RoundsOf): boolean {
  if ('timesFloor' in aim) return timesFloor(rounds).figure <= aim.timesFloor
  return beyondFloor(rounds).figure <= limit(aim, roundsOf)
}

/** Microseconds. */
function limit(aim: Exclude<Aim, { timesFloor: number }>, roundsOf: RoundsOf): number {
  if ('atMost' in aim) return aim.atMost
  const others = roundsOf(aim.of)
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
