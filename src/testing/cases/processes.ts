import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenStore } from '../../store.js'
import { expectSame, failure, show } from '../show.js'
import { type Cases, countUp, forMinutes, inPortions, read, type SuiteProcesses, write } from '../steps.js'

const OTHERS_WITHIN_MS = 60_000
/** Time from the moment when the last process is ready until the race begins. */
const LEAD_MS = 200
const CLAIMS = 200
const COUNTS = 50

/**
 * Cases that several processes run at the same time, on keys that they share: each must see the writes of the others.
 */
export function betweenProcesses({ run, count, index }: SuiteProcesses): Cases {
  const name = (what: string, of: number | string = '') => `conformance:${run}:${what}${of}`
  const places = Array.from({ length: count }, (_, place) => place)
  const claims = Array.from({ length: CLAIMS }, (_, place) => name('claim', place))

  /** Publishes `value` under the name `what`. Resolves to the values that all processes have published under it. */
  const exchange = async (store: TokenStore, what: string, value: string) => {
    await write(store, name(what, index), value)
    return Promise.all(places.map(place => appears(store, name(what, place), `${what} of process ${place}`)))
  }

  return {
    async 'if all processes claim a key, exactly one gets it, and no count is lost'(open) {
      const store = await open()
      // All processes start at one agreed time. If each started as soon as it saw that the last one is ready, a fast
      // process could finish before a slow one starts.
      const starts = await exchange(store, 'start', String(Date.now()))
      const left = Math.max(...starts.map(Number)) + LEAD_MS - Date.now()
      await sleep(Math.min(Math.max(left, 0), LEAD_MS))
      const told = await inPortions(claims, async key => {
        // Read first, as the library does: a cache would remember that there was no value.
        const isFree = (await read(store, key)) === undefined
        return store.compareAndSet(key, isFree ? undefined : 'nobody', String(index), forMinutes())
      })
      await countUp(store, name('count'), COUNTS)
      const reports = await exchange(store, 'report', told.map(Number).join(''))
      for (const [place, key] of claims.entries()) {
        const winners = places.filter(each => reports[each]?.[place] === '1')
        if (winners.length !== 1) throw failure(`a key claimed by ${count} processes`, show(winners), 'one winner')
        expectSame('get of a key that a process has claimed', await read(store, key), String(winners[0]))
      }
      expectSame(`a counter of ${count} processes`, await read(store, name('count')), String(count * COUNTS))
    },

    async 'a process that has read a value also reads the newer value of another process'(open) {
      const store = await open()
      const own = name('page', index)
      await write(store, own, 'first')
      await exchange(store, 'first', 'written')
      const expectPages = async (value: string) => {
        for (const place of places) {
          expectSame(`get of the page of process ${place}`, await read(store, name('page', place)), value)
        }
      }
      await expectPages('first')
      await exchange(store, 'read', 'all')
      await write(store, own, 'second', 'first')
      await exchange(store, 'second', 'written')
      await expectPages('second')
    },
  }
}

async function appears(store: TokenStore, key: string, what: string): Promise<string> {
  const deadline = performance.now() + OTHERS_WITHIN_MS
  for (;;) {
    const value = await read(store, key)
    if (value !== undefined) return value
    if (performance.now() > deadline) {
      throw failure(`get of the ${what}`, `undefined for ${OTHERS_WITHIN_MS / 1000} seconds`, 'a string')
    }
    await sleep(20)
  }
}
