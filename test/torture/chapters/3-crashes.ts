import type { Case, Chapter, Pass } from '../case.js'
import { crash, type Operation } from '../crashes/crash.js'
import { login } from '../crashes/login.js'
import { logout } from '../crashes/logout.js'
import { recovery, refresh } from '../crashes/refresh.js'
import { revokeAll } from '../crashes/revoke-all.js'

/** On each of the stores; every kill cuts off up to sixteen requests. */
const KILLS: Readonly<Record<Pass, number>> = { full: 60, short: 3 }

const caseOf = <Prepared>(name: string, operation: Operation<Prepared>): Case => ({
  name,
  seconds: { full: 600, short: 150 },
  run: pass => crash(operation, KILLS[pass]),
})

/**
 * SIGKILL for a process in the midst of requests: before they write, when they have told the store to, when it has
 * committed, when the answer is ready, and at any moment. Its clients turn to other processes.
 */
export const chapter: Chapter = {
  title: 'Crashes',
  cases: [
    caseOf(
      'a refresh that a crash cut off succeeds when tried again within refreshRecovery, asks for a login after it, and never has two live successors',
      refresh,
    ),
    caseOf(
      'a recovery that a crash cut off succeeds when tried again within refreshRecovery, asks for a login after it, and never has two live successors',
      recovery,
    ),
    caseOf('a logout that a crash cut off is done or not done, never half, and succeeds when tried again', logout),
    caseOf(
      'a revokeAllSessions that a crash cut off is done or not done, never half, and succeeds when tried again',
      revokeAll,
    ),
    caseOf('a login that a crash cut off can be tried again, and revokeAllSessions ends whatever is left of it', login),
  ],
}
