import { attacks } from '../browser/attacks.js'
import { cookiesMatrix } from '../browser/cookies-matrix.js'
import { csrfMatrix } from '../browser/csrf-matrix.js'
import { visits } from '../browser/visits.js'
import type { Chapter } from '../case.js'

export const chapter: Chapter = {
  title: 'Cookies and CSRF',
  cases: [
    {
      name: 'a token from a cookie needs its CSRF value exactly where the options say, for guards, refresh and logout',
      seconds: { short: 90, full: 900 },
      run: csrfMatrix,
    },
    {
      name: 'login, refresh, replay, logout and reuse set and clear the cookies that the options describe, in every combination',
      seconds: { short: 90, full: 900 },
      run: cookiesMatrix,
    },
    {
      name: 'a browser that keeps cookies by RFC 6265 logs in, refreshes and logs out by them, and none is left',
      seconds: { short: 60, full: 300 },
      run: visits,
    },
    {
      name: 'pages of other sites change nothing, whatever SameSite is and whatever they put into their requests',
      seconds: { short: 60, full: 600 },
      run: attacks,
    },
  ],
}
