import type { Chapter } from '../case.js'
import { cost } from '../hostile/cost-case.js'
import { deformedBodies, deformedRequests } from '../hostile/requests-case.js'
import { spellings } from '../hostile/spellings-case.js'
import { hostileTokens } from '../hostile/tokens-case.js'

export const chapter: Chapter = {
  title: 'Hostile tokens and requests',
  cases: [
    {
      name: 'every token is accepted or refused as rules say that are written a second time, and the store is asked about no other',
      seconds: { short: 120, full: 900 },
      run: hostileTokens,
    },
    {
      name: 'every request, however deformed, is let in or refused as the rules say, with a well-formed answer that repeats nothing of it, and changes nothing',
      seconds: { short: 120, full: 900 },
      run: deformedRequests,
    },
    {
      name: 'every body, whatever it holds and whatever type it claims to be, is taken or refused as the rules say, with a well-formed answer that repeats nothing of it, and changes nothing',
      seconds: { short: 120, full: 900 },
      run: deformedBodies,
    },
    {
      name: 'every valid spelling of a token is accepted before the token is revoked by any of them, and none after',
      seconds: { short: 60, full: 600 },
      run: spellings,
    },
    {
      name: 'no token and no request takes long to judge, be it as large as it can be',
      seconds: { short: 60, full: 600 },
      run: cost,
    },
  ],
}
