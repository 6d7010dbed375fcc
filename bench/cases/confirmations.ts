import { type Group, guarded, sent } from '../case.js'

const ONCE = { load: sent({ use: 'once' }) }

/** Each request has an access token of another session, which has been refreshed once. */
export const confirmations: Group = {
  title: 'A guarded request that confirms a refresh',
  cases: (['memory', 'redis'] as const).flatMap(kind => {
    const variant = `confirmations/${kind}`
    return [
      guarded(`${kind}: of one that has nothing to confirm`, variant, `${variant}Confirmed`, ONCE),
      guarded(`${kind}: of that one with one compareAndSet by hand`, variant, `${variant}Writing`, ONCE),
    ]
  }),
}
