import { isVoided, lineageOf } from '../../src/session/lineage.js'
import { GRACE_MS, type Play } from './play.js'

const HOUR_MS = 3_600_000
/** The shortest time that a game lets pass. */
export const STEP_MS = GRACE_MS / 4

export const NOBODY: Holder = { refresh: -1, access: -1 }

/** The tokens that somebody holds, by generation. -1: none. */
export interface Holder {
  readonly refresh: number
  readonly access: number
}

/** One state of a game: the session, who holds what, and what the game remembers. */
export interface State<Memory> {
  readonly play: Play
  readonly holders: readonly Holder[]
  readonly memory: Memory
}

/** A move of the game. It returns the states after it; none if the move is not possible. */
export type Move<Memory> = (state: State<Memory>) => State<Memory> | undefined

export interface Explored {
  /** How many different states were seen. */
  readonly states: number
  /** Moves that lead to a state that breaks a rule, by name; `undefined` if there is none. */
  readonly broken: readonly string[] | undefined
}

/**
 * All states that any order of moves leads to, one of a kind only once. `isBroken` looks at each state. It ends because
 * there are finitely many kinds.
 */
export function explore<Memory>(
  start: State<Memory>,
  moves: Readonly<Record<string, Move<Memory>>>,
  isBroken: (state: State<Memory>) => boolean,
): Explored {
  const seen = new Set([keyOf(start)])
  let border = [{ state: start, path: [] as string[] }]
  while (border.length > 0) {
    const next: typeof border = []
    for (const { state, path } of border) {
      for (const [name, move] of Object.entries(moves)) {
        const after = move(state)
        if (!after) continue
        const key = keyOf(after)
        if (seen.has(key)) continue
        seen.add(key)
        if (isBroken(after)) return { states: seen.size, broken: [...path, name] }
        if (!after.play.ended) next.push({ state: after, path: [...path, name] })
      }
    }
    border = next
  }
  return { states: seen.size, broken: undefined }
}

/**
 * States with one key go on alike: what counts of a token is only what the session would do with it. The limit of voided
 * generations is not part of a game: nobody loses twenty answers here.
 */
function keyOf<Memory>({ play, holders, memory }: State<Memory>): string {
  const { record, now, ended, isLoggedOut, subject } = play
  const { from, confirmed, older, exchangedAt, givenAt = record.rotatedAt } = lineageOf(record)
  const steps = (at: number) => Math.min(GRACE_MS / STEP_MS, Math.floor((now - at) / STEP_MS))
  const kindOf = (gen: number) => {
    if (gen < 0) return 'none'
    if (gen === record.gen) return 'current'
    if (gen === from) return 'predecessor'
    if (isVoided(record, gen)) return 'voided'
    const young = older.find(([each, at]) => each === gen && now - at < GRACE_MS)
    return young ? steps(young[1]) : 'dead'
  }
  const times = [steps(record.rotatedAt), steps(givenAt), Math.min(25, Math.floor((now - exchangedAt) / HOUR_MS))]
  const held = holders.map(({ refresh, access }) => [kindOf(refresh), kindOf(access)])
  return JSON.stringify([ended, isLoggedOut, subject.cutoff > 0, confirmed === true, times, held, memory])
}

/** The state after `change` of a copy of the session; the holder number `who` becomes what `change` returns. */
export function changed<Memory>(
  { play, holders, memory }: State<Memory>,
  who: number,
  change: (play: Play, holder: Holder) => { holder?: Holder; memory?: Memory } | undefined,
): State<Memory> | undefined {
  const copy = play.copy()
  const own = holders[who]
  const result = own && own.refresh >= 0 ? change(copy, own) : undefined
  if (!result) return undefined
  const after = holders.map((holder, n) => (n === who ? (result.holder ?? holder) : holder))
  return { play: copy, holders: after, memory: result.memory ?? memory }
}

/** Time passes. */
export const waiting =
  <Memory>(milliseconds: number): Move<Memory> =>
  ({ play, ...others }) => {
    const copy = play.copy()
    copy.waitMs(milliseconds)
    return { ...others, play: copy }
  }
