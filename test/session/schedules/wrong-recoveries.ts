import { isSession, type Mistake, only, overwriting, writing } from './mistake.js'

const last = 'lost an hour ago'
const ofSession = ([key]: readonly [string, ...unknown[]]) => isSession(key)

/** A store on which a recovery writes another record. */
const recovering = (change: (record: Record<string, unknown>) => unknown) =>
  only(
    'predecessor',
    writing(ofSession, store => (key, expected, value, expiresAt) => {
      return store.compareAndSet(key, expected, JSON.stringify(change(JSON.parse(value))), expiresAt)
    }),
  )

/** Recoveries of lost responses done wrong. */
export const WRONG_RECOVERIES: readonly Mistake[] = [
  {
    mistake: 'a guard does not write that the client has received the tokens',
    wrong: only(
      'guard',
      writing(ofSession, () => async () => true),
    ),
    breaks: /tokens that somebody has used are voided/,
    last,
  },
  {
    mistake: 'a recovery writes over what is held',
    wrong: only('predecessor', overwriting(ofSession)),
    breaks: /two different refresh tokens/,
    last,
  },
  {
    mistake: 'a recovery writes over a tombstone',
    wrong: only('predecessor', overwriting(ofSession)),
    breaks: /phone lives after its end/,
    among: ['predecessor', 'logout'],
    last,
  },
  {
    mistake: 'a recovery does not write what it voids',
    wrong: recovering(({ voided: _, ...record }) => record),
    breaks: /a voided token is served/,
    last,
  },
  {
    mistake: 'a recovery cannot be repeated when its response is lost too',
    wrong: recovering(({ lineage: _, ...record }) => ({ ...record, rotatedAt: 0 })),
    breaks: /phone cannot refresh, and nobody ended its session|predecessor is refused, and nobody/,
    count: 1,
    faults: 1,
    last,
  },
]
