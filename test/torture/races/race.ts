import { setTimeout as sleep } from 'node:timers/promises'
import { Broken, type Outcome } from '../case.js'
import { type ApiProcess, Fleet } from '../fleet/fleet.js'
import { type Random, randomOf, SEED } from '../fleet/random.js'
import { STAGES } from '../fleet/stage.js'
import type { Steer } from '../fleet/steering.js'
import { type Place, Visitor } from '../fleet/visitor.js'

/** One round: `sub` is nobody else's. `grace`: seconds. Resolves to how it came out, to be counted, or to ''. */
export type Round = (visitor: Visitor, sub: string, grace: number) => Promise<string>

const PROCESSES = 4
const GRACES = [10, 0]
/** Rounds under way at the same time. */
const AT_ONCE = 6

/** Let `rounds` rounds be played on each of the stores, half of them without a grace period. */
export async function race(round: Round, rounds: number): Promise<Outcome> {
  const broken = new Broken()
  const fleet = new Fleet()
  const seen: string[] = []
  for (const [name, stage] of Object.entries(STAGES)) {
    seen.push(
      await stage(async (backend, complaints) => {
        const instances = GRACES.map(refreshGracePeriod => ({ refreshGracePeriod }))
        const processes = await fleet.startMany(PROCESSES, { backend, instances })
        try {
          return await raceAt({ name, processes, broken, tally: { unavailable: 0 } }, round, rounds)
        } finally {
          for (const each of processes) await each.kill()
          for (const line of complaints()) broken.add(`${name}: ${line}`)
        }
      }),
    )
  }
  return { count: rounds * seen.length, seen: seen.join('; '), broken: broken.lines }
}

async function raceAt(place: Place, round: Round, rounds: number): Promise<string> {
  const { name, broken, tally } = place
  const outcomes = await play(place, round, rounds)
  const conflicts = await conflictsOf(place)
  broken.unless(conflicts + outcomes.length > 1, `${name}: all rounds came out alike, so nothing was a race`)
  return `${name}: ${[...outcomes, `${conflicts} writes met another`, `${tally.unavailable} × 503`].join(', ')}`
}

async function play(place: Place, round: Round, rounds: number): Promise<string[]> {
  const outcomes = new Map<string, number>()
  let next = 0
  const work = async () => {
    for (let n = next++; n < rounds; n = next++) {
      const instance = n % GRACES.length
      const grace = GRACES[instance] as number
      const label = `seed ${SEED}, round ${n}, grace ${grace} s`
      const visitor = new Visitor(place, randomOf(n), label, { instance, graceless: grace === 0 })
      const outcome = await visitor.trying(() => round(visitor, `sub-${n}`, grace))
      if (outcome) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return [...outcomes].sort().map(([outcome, times]) => `${times} × ${outcome}`)
}

async function conflictsOf({ name, processes, broken }: Place): Promise<number> {
  const alive = processes.filter(({ running }) => running)
  broken.unless(alive.length === processes.length, `${name}: a server process has ended`)
  const figures = await Promise.all(alive.map((each: ApiProcess) => each.figures()))
  return figures.reduce((sum, { conflicts }) => sum + conflicts, 0)
}

/** Begin at once, or a little later; `begin` gets a source of its own. */
export async function soon<T>(random: Random, begin: (random: Random) => Promise<T>): Promise<T> {
  const own = random.fork()
  if (own.chance(0.5)) await sleep(own.fraction() * 8)
  return begin(own)
}

/** Who is slow, and where: most are quick, some dawdle a little, a few let everybody else pass. */
export function pace(random: Random): Steer {
  const mood = random.fraction()
  if (mood < 0.4) return {}
  const longest = mood < 0.8 ? 4 : 25
  return { read: random.between(0, longest), written: random.between(0, longest) }
}

export const several = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))
