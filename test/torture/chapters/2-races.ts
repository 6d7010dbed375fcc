import type { Case, Chapter, Pass } from '../case.js'
import { loginWithRevokeAll, refreshWithRevokeAll } from '../races/cut-offs.js'
import { logoutWithLogout, refreshWithLogout } from '../races/logouts.js'
import { type Round, race } from '../races/race.js'
import { refreshWithRefresh } from '../races/refreshes.js'

/** On each of the stores. */
const ROUNDS: Readonly<Record<Pass, number>> = { full: 1000, short: 25 }

const caseOf = (name: string, round: Round): Case => ({
  name,
  seconds: { full: 600, short: 150 },
  run: pass => race(round, ROUNDS[pass]),
})

/** Four processes share one Redis, then one SQLite file, then one PostgreSQL; a round is one race about one session or one subject. */
export const chapter: Chapter = {
  title: 'Races across processes',
  cases: [
    caseOf(
      'refreshes with one token at the same moment all get the same successor; without a grace period one gets it and the session ends',
      refreshWithRefresh,
    ),
    caseOf(
      'nothing of a session lives after its logout was acknowledged, not even what a racing refresh was given',
      refreshWithLogout,
    ),
    caseOf(
      'nothing of a subject lives after revokeAllSessions was acknowledged, but the session spared and later logins',
      refreshWithRevokeAll,
    ),
    caseOf(
      'a login that races with revokeAllSessions is dead if it was over before, lives if it began after, and is never both',
      loginWithRevokeAll,
    ),
    caseOf('logouts of one session at the same time all succeed, and it is dead after the first', logoutWithLogout),
  ],
}
