import type { Case, Chapter } from '../case.js'
import { endure, type Stage } from '../faults/endure.js'
import { garbage } from '../faults/garbage.js'
import { absent, emptied, frozen, killed, network, unwilling } from '../faults/redis.js'
import { full, locked, lost, missing, readOnly } from '../faults/sqlite.js'

const caseOf = (name: string, prepare: () => Promise<Stage>): Case => ({
  name,
  seconds: { full: 120, short: 60 },
  run: pass => endure(prepare, pass),
})

export const chapter: Chapter = {
  title: 'Store faults',
  cases: [
    caseOf('Redis does not listen when the server starts', absent),
    caseOf('killed', killed),
    caseOf('emptied', emptied),
    caseOf('frozen', frozen),
    caseOf('network', network),
    caseOf('unwilling', unwilling),
    caseOf('SQLite locked', locked),
    caseOf('SQLite missing', missing),
    caseOf('SQLite readonly', readOnly),
    caseOf('SQLite full', full),
    caseOf('SQLite lost', lost),
    {
      name: 'a value that the library did not write, or one with a member of the wrong type, is 503 for those whom it concerns',
      seconds: { full: 120, short: 60 },
      run: garbage,
    },
  ],
}
