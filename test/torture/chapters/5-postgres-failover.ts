import type { Chapter } from '../case.js'
import { conform } from '../failover/conformance.js'
import { lose } from '../failover/lost.js'
import { asynchronous, synchronous } from '../failover/postgres-topology.js'
import { raceThrough } from '../failover/races.js'
import { misdirect } from '../failover/two-primaries.js'
import { withhold } from '../failover/withheld.js'

const seconds = { full: 240, short: 120 }

export const chapter: Chapter = {
  title: 'Failover of PostgreSQL',
  cases: [
    {
      name: 'while primaries of PostgreSQL are killed, frozen and handed over to a standby, a store keeps its contract in all that it answers',
      seconds,
      run: pass => conform(asynchronous, pass),
    },
    {
      name: 'while primaries of PostgreSQL are killed, frozen and handed over to an asynchronous standby, a refresh has one successor and a logout is final, but for what no standby had; service resumes',
      seconds,
      run: pass => raceThrough(asynchronous, pass),
    },
    {
      name: 'while primaries of PostgreSQL are killed, frozen and handed over to a synchronous standby, a refresh has one successor and a logout is final, and nothing that was acknowledged is lost; service resumes',
      seconds,
      run: pass => raceThrough(synchronous, pass),
    },
    {
      name: 'a primary of PostgreSQL that dies with acknowledged writes that no standby has sets sessions back, and each kind of write comes to what the guarantees say',
      seconds: { full: 600, short: 300 },
      run: pass => lose([asynchronous], pass),
    },
    {
      name: 'while no synchronous standby answers, writes are 503 and guards go on; what was 503 is done when a standby answers, and not done when one takes over',
      seconds,
      untimed: true,
      run: withhold,
    },
    {
      name: 'a standby of PostgreSQL is never believed, wherever the address leads; a former primary that runs again beside the new one is, and knows nothing of its logouts',
      seconds,
      untimed: true,
      run: misdirect,
    },
  ],
}
