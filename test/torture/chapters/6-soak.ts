import type { Chapter, Pass } from '../case.js'
import { ending } from '../soak/ending.js'
import { growth } from '../soak/growth.js'
import { heap } from '../soak/heap.js'
import { type HourOptions, hour } from '../soak/hour.js'
import { unread } from '../soak/unread.js'

const HOURS: Readonly<Record<Pass, HourOptions>> = {
  full: { speed: 60, people: 150 },
  short: { speed: 300, people: 40 },
}
/** In each of several blocks, at each store. */
const REQUESTS: Readonly<Record<Pass, number>> = { full: 6000, short: 250 }
const REFRESHES: Readonly<Record<Pass, number>> = { full: 60, short: 12 }
const RECORDS: Readonly<Record<Pass, number>> = { full: 10_000, short: 1000 }

/** Time runs faster for the library and its stores; the stores' own expiry is the real one, of lives that are shorter. */
export const chapter: Chapter = {
  title: 'Soak and growth',
  cases: [
    {
      name: 'through an hour of traffic a store holds what lives and little more, and loses nothing before its time',
      seconds: { full: 600, short: 150 },
      run: pass => hour(HOURS[pass]),
    },
    {
      name: 'the heap of a server process does not grow with its requests',
      seconds: { full: 600, short: 150 },
      run: pass => heap(REQUESTS[pass]),
    },
    {
      name: 'what is stored grows with sessions, and not with their refreshes',
      seconds: { full: 600, short: 150 },
      run: pass => growth(REFRESHES[pass]),
    },
    {
      name: 'expired records go away without being read; where they stay, in a plain Map, they count as nothing',
      seconds: { full: 600, short: 150 },
      untimed: true,
      run: pass => unread(RECORDS[pass]),
    },
    {
      name: 'no timer keeps a process alive that has done its work',
      seconds: { full: 600, short: 150 },
      run: pass => ending(pass === 'full' ? 5 : 2),
    },
  ],
}
