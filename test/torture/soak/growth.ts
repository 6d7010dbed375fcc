import { Broken, type Outcome } from '../case.js'
import { type Content, contentOf } from '../fleet/content.js'
import { Fleet } from '../fleet/fleet.js'
import { randomOf } from '../fleet/random.js'
import type { Instance } from '../fleet/server.js'
import { type Tokens, Visitor } from '../fleet/visitor.js'
import { several } from '../races/race.js'
import { advanced } from '../races/refreshes.js'
import { EVERY_STAGE } from './stages.js'

const SESSIONS = 50
/** Generations of one digit become some of two or three: the current one, and those of its lineage. */
const MOST_MORE = 6
/** Milliseconds. Longer than the grace period, for which a session remembers the tokens that were used up. */
const MINUTE = 60_000
/** Milliseconds. A session remembers a refresh that was tried again, and no store should be too slow for that. */
const PATIENCE = 10_000

const INSTANCES: readonly Instance[] = [0, 1, 2, 3].map(minutes => ({
  ahead: minutes * MINUTE,
  storeTimeout: PATIENCE,
}))

/**
 * The same sessions refreshed twice, and often: once the grace period of the many refreshes is over, the store holds as
 * much as before.
 */
export async function growth(refreshes: number): Promise<Outcome> {
  const broken = new Broken()
  const fleet = new Fleet()
  const seen: string[] = []
  for (const [name, stage] of Object.entries(EVERY_STAGE)) {
    const [few, many] = await stage(backend =>
      fleet.serving({ backend, instances: INSTANCES, timeout: PATIENCE }, async server => {
        const place = { name, processes: [server], broken, tally: { unavailable: 0 } }
        return refreshed(new Visitor(place, randomOf(0), 'growth'), refreshes, () => contentOf(backend, server))
      }),
    )
    broken.unless(many.records === few.records, `${name}: ${few.records} records became ${many.records}`)
    const more = (many.characters - few.characters) / SESSIONS
    broken.unless(more <= MOST_MORE, `${name}: a session takes ${more} characters more`)
    seen.push(`${name}: ${many.records} records for ${SESSIONS} sessions, ${more} characters more for each`)
  }
  return { count: refreshes * SESSIONS * seen.length, seen: seen.join('; '), broken: broken.lines }
}

/** What is there after two refreshes of each session, and after many more. */
async function refreshed(
  visitor: Visitor,
  refreshes: number,
  content: () => Promise<Content>,
): Promise<readonly [few: Content, many: Content]> {
  const first = await Promise.all(several(SESSIONS, n => visitor.login(`sub-${n}`)))
  const refreshAll = (all: readonly Tokens[], times: number, minute: number) => {
    visitor.instance = minute
    return Promise.all(all.map(each => advanced(visitor, each, times)))
  }
  const tokens = await refreshAll(await refreshAll(first, 1, 1), 1, 2)
  const few = await content()
  const last = await refreshAll(await refreshAll(tokens, refreshes, 2), 1, 3)
  const many = await content()
  for (const each of last) await visitor.live(each, 'a session refreshed often')
  return [few, many]
}
