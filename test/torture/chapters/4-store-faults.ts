import type { Case, Chapter } from '../case.js'
import { backup } from '../faults/backup.js'
import { endure, endureEach, type Stage } from '../faults/endure.js'
import { garbage } from '../faults/garbage.js'
import * as postgres from '../faults/postgres.js'
import { absent, emptied, frozen, killed, network, unwilling } from '../faults/redis.js'
import { full, locked, lost, missing, readOnly } from '../faults/sqlite.js'

const caseOf = (name: string, prepare: () => Promise<Stage>): Case => ({
  name,
  seconds: { full: 240, short: 120 },
  run: pass => endure(prepare, pass),
})

const caseOfEach = (name: string, stages: Readonly<Record<string, () => Promise<Stage>>>): Case => ({
  name,
  seconds: { full: 480, short: 240 },
  run: pass => endureEach(stages, pass),
})

export const chapter: Chapter = {
  title: 'Store faults',
  cases: [
    caseOf(
      'Redis is not there when the server starts: 503 within the deadline, and service begins when Redis does',
      absent,
    ),
    caseOf(
      'Redis is killed and restarted under load with all that it acknowledged: 503 within the deadline, then it goes on; what was revoked stays revoked',
      killed,
    ),
    caseOf(
      'Redis is killed under load and comes back empty: 503 within the deadline, then sessions from before are over and new ones begin',
      emptied,
    ),
    caseOfEach(
      'Redis stands still, frozen or busy with an endless script: 503 within the deadline, then it goes on; what was revoked stays revoked',
      frozen,
    ),
    caseOfEach(
      'the network to Redis is cut, half open, slow, loses replies or resets connections: an honest answer or 503 within the deadline, then it goes on',
      network,
    ),
    caseOf(
      'Redis refuses, for a wrong password, as a replica, out of memory or without scripts: no write is reported as done, guards go on where it still reads, then all goes on',
      unwilling,
    ),
    caseOf(
      'PostgreSQL is not there when the server starts: 503 within the deadline, and service begins when PostgreSQL does',
      postgres.absent,
    ),
    caseOf(
      'PostgreSQL is killed and restarted under load, or one of its processes is: 503 within the deadline, then it goes on; what was acknowledged stays, what was revoked stays revoked',
      postgres.killed,
    ),
    caseOf(
      'PostgreSQL is frozen: 503 within the deadline, then it goes on; what was revoked stays revoked',
      postgres.frozen,
    ),
    caseOf(
      'the network to PostgreSQL is cut, half open, slow, loses replies or resets connections: an honest answer or 503 within the deadline, then it goes on',
      postgres.network,
    ),
    caseOf(
      'the disk of PostgreSQL is full, for its table or for its log: no write is reported as done that was not, guards go on where it still reads, then all goes on',
      postgres.full,
    ),
    caseOf(
      'PostgreSQL only reads, is a standby, or waits for a synchronous one: no write is reported as done, guards go on where it may be believed, then all goes on',
      postgres.readOnly,
    ),
    caseOf(
      'others have taken all connections of PostgreSQL: 503 within the deadline, and a server that has some goes on with them',
      postgres.exhausted,
    ),
    caseOf(
      'another transaction holds the table of PostgreSQL, or its rows: 503 within the deadline, guards go on where only writing is locked, then all goes on',
      postgres.locked,
    ),
    caseOf(
      'another process holds the SQLite file: 503 within the deadline, guards go on where only writing is locked, then all goes on',
      locked,
    ),
    caseOf(
      'the folder of the SQLite file is missing when the server starts: 503, and service begins when it is there',
      missing,
    ),
    caseOf('the server may not write the SQLite file: 503, and service begins when it may', readOnly),
    caseOf(
      'the disk of the SQLite file is full: no write is reported as done that was not, guards go on, then all goes on',
      full,
    ),
    caseOf(
      'the SQLite file is deleted or damaged under the server: damage is 503, sessions from before are over, and new ones begin',
      lost,
    ),
    {
      name: 'a backup put in the place of the SQLite file sets sessions back to it: later logins are over, later logouts undone, and storeRollback tells of the refreshes that it lost',
      seconds: { full: 120, short: 60 },
      run: backup,
    },
    {
      name: 'a value in the store that the library did not write, or one with a member of the wrong type, is 503 for those whom it concerns and for nobody else',
      seconds: { full: 240, short: 120 },
      run: garbage,
    },
  ],
}
