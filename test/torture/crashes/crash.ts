import { Broken, type Outcome } from '../case.js'
import type { Told } from '../fleet/client.js'
import { type ApiProcess, Fleet } from '../fleet/fleet.js'
import { type Random, randomOf, SEED } from '../fleet/random.js'
import { STAGES } from '../fleet/stage.js'
import type { CutPoint, LostAnswer, Steer } from '../fleet/steering.js'
import { Visitor } from '../fleet/visitor.js'
import { several } from '../races/race.js'
import { onScene, type Scene, type Victim } from './scene.js'

/** What is known of a request whose process has been killed. */
export interface Fate {
  /** Whether it had been carried out; `perhaps` if the process was killed at a moment that nobody chose. */
  readonly done: 'yes' | 'no' | 'perhaps'
  /** The answer; status 0 if none came. */
  readonly told: Told
  /** The answer that was ready and never sent. */
  readonly lost: LostAnswer | undefined
}

/** Something that clients ask for and that a crash cuts off. */
export interface Operation<Prepared> {
  /** What a request of this kind needs. */
  prepare(visitor: Visitor, sub: string): Promise<Prepared>
  /** The request itself; whatever comes of it breaks nothing. */
  send(prepared: Prepared, victim: ApiProcess, steer: Steer): Promise<Told>
  /**
   * Look at what is left, by processes that go on. Resolves to whether it had been carried out, as far as can be told
   * from outside.
   */
  verify(prepared: Prepared, fate: Fate, visitor: Visitor): Promise<boolean | undefined>
}

type Point = CutPoint | 'outside'

/** Requests under way at each kill. */
const AT_ONCE = 16
/** A kill from outside comes at any moment; at the other points the process kills itself. */
const POINTS: readonly Point[] = ['before', 'after', 'answer', 'sent', 'outside']
const DONE: Readonly<Record<Point, Fate['done']>> = {
  before: 'no',
  after: 'yes',
  answer: 'yes',
  sent: 'perhaps',
  outside: 'perhaps',
}

/** What is counted at one store. */
interface Tally {
  cut: number
  /** Of those that were cut off at a moment that nobody chose. */
  carriedOut: number
  left: number
}

/** Kill `kills` processes on each of the stores, each in the midst of several requests. */
export async function crash<Prepared>(operation: Operation<Prepared>, kills: number): Promise<Outcome> {
  const broken = new Broken()
  const fleet = new Fleet()
  const seen: string[] = []
  let count = 0
  for (const [name, stage] of Object.entries(STAGES)) {
    const tally: Tally = { cut: 0, carriedOut: 0, left: 0 }
    await onScene(name, stage, fleet, broken, kills, async scene => {
      for (let n = 0; n < kills; n++) await killOne(scene, operation, n, tally)
    })
    const { cut, carriedOut, left } = tally
    const found = carriedOut + left > 0 ? ` (where nobody chose the moment, ${carriedOut} done and ${left} not)` : ''
    seen.push(`${name}: ${kills} kills, ${cut} requests cut off${found}`)
    count += cut
  }
  return { count, seen: seen.join('; '), broken: broken.lines }
}

async function killOne<Prepared>(scene: Scene, operation: Operation<Prepared>, n: number, tally: Tally): Promise<void> {
  const random = randomOf(n)
  const point = POINTS[n % POINTS.length] as Point
  const label = `seed ${SEED}, kill ${n} (${point})`
  const visitors = several(AT_ONCE, id => new Visitor(scene.place, random.fork(), `${label}, request ${id}`))
  const victim = await scene.victim()
  // Some victims have worked before, others die of their first requests.
  const processes = random.chance(0.5) ? [...scene.place.processes, victim.process] : scene.place.processes
  const place = { ...scene.place, processes }
  const preparing = several(AT_ONCE, id =>
    operation.prepare(new Visitor(place, random.fork(), `${label}, request ${id}, before`), `sub-${n}-${id}`),
  )
  const prepared = await Promise.all(preparing)
  const send = (each: Prepared, id: number) => operation.send(each, victim.process, steerTo(point, id, random))
  const told = await killedAmid(prepared.map(send), victim, point, random)
  const done = doneAt(point, told)
  scene.place.broken.unless(done !== undefined, `${scene.place.name}, ${label}: a request was answered all the same`)
  const lost = new Map(victim.lost().map(answer => [answer.id, answer]))
  const verifying = prepared.map(async (each, id) => {
    const visitor = visitors[id] as Visitor
    const fate: Fate = { done: done ?? 'perhaps', told: told[id] as Told, lost: lost.get(id) }
    const found = await visitor.trying(() => operation.verify(each, fate, visitor))
    if (fate.told.status !== 0) return
    tally.cut++
    if (done === 'perhaps' && found === true) tally.carriedOut++
    if (done === 'perhaps' && found === false) tally.left++
  })
  await Promise.all(verifying)
}

/** To its point, or, where somebody else chooses it, at a pace of its own: so that each has got another way then. */
function steerTo(point: Point, id: number, random: Random): Steer {
  if (point !== 'outside') return { cut: { point, of: AT_ONCE, id } }
  return { read: random.between(0, 15), written: random.between(0, 15) }
}

/** `undefined` if a request was answered that should have been cut off. A slow store may say 503 to it before that. */
function doneAt(point: Point, told: readonly Told[]): Fate['done'] | undefined {
  if (point === 'outside') return 'perhaps'
  if (told.some(({ status }) => status !== 0 && status !== 503)) return undefined
  return told.some(({ status }) => status === 503) ? 'perhaps' : DONE[point]
}

/** Resolves when the process is dead, to what each request was told. */
async function killedAmid(
  sent: readonly Promise<Told>[],
  victim: Victim,
  point: Point,
  random: Random,
): Promise<Told[]> {
  if (point === 'outside') {
    await firstOf(sent, random.between(1, AT_ONCE - 1))
    await victim.process.kill()
  }
  const told: Told[] = []
  for (const each of sent) {
    told.push(await each)
    // A request that a slow store kept from its point: the others would wait for it.
    if (told.at(-1)?.status !== 0) await victim.process.kill()
  }
  await victim.process.kill()
  return told
}

/** Resolves when `count` of them have been answered. */
function firstOf(sent: readonly Promise<Told>[], count: number): Promise<void> {
  return new Promise(resolve => {
    let left = count
    for (const each of sent) each.then(() => --left === 0 && resolve())
  })
}
