import type { WrongStore } from './actor.js'
import {
  isList,
  isSession,
  isSubject,
  type Mistake,
  only,
  overwriting,
  read,
  TOMBSTONE,
  until,
  writing,
} from './mistake.js'
import { OPERATIONS } from './operations.js'
import { NOW, SUBJECT } from './scene.js'

/** A store on which `revokeAllSessions` writes another record; `sid` is the session that it looks at besides. */
const cuttingOff =
  (change: (record: { cutoff: number }, sid: string | undefined) => unknown): WrongStore =>
  store => {
    let sid: string | undefined
    return {
      get: keys => {
        sid = keys.find(isSession)?.replace('session:', '')
        return store.get(keys)
      },
      compareAndSet: (key, expected, value, expiresAt) =>
        store.compareAndSet(key, expected, JSON.stringify(change(JSON.parse(value), sid)), expiresAt),
    }
  }

/** Operations of the library done wrong: by hand, or on a store that makes them wrong. */
export const WRONG_OPERATIONS: readonly Mistake[] = [
  {
    mistake: 'logout does not try again when somebody wrote in between',
    instead: {
      logout: {
        ...OPERATIONS.logout,
        run: async (_server, { phone }, store) => {
          const key = `session:${phone.sid}`
          await store.compareAndSet(key, await read(store, key), TOMBSTONE, until())
          return {}
        },
      },
    },
    breaks: /phone lives after its end/,
  },
  {
    mistake: 'a logout that fails says that it is done',
    instead: {
      logout: { ...OPERATIONS.logout, run: (server, scene) => OPERATIONS.logout.run(server, scene).catch(() => ({})) },
    },
    breaks: /a fault makes logout done/,
    count: 1,
    faults: 1,
  },
  {
    mistake: 'a logout tells nobody',
    instead: {
      logout: {
        ...OPERATIONS.logout,
        run: async (_server, { phone }, store) => {
          const key = `session:${phone.sid}`
          while (!(await store.compareAndSet(key, await read(store, key), TOMBSTONE, until())));
          return {}
        },
      },
    },
    breaks: /no event of the end/,
    count: 1,
  },
  {
    mistake: 'reuse refuses the token and does not end the session',
    instead: {
      reuse: {
        ...OPERATIONS.reuse,
        run: async (server, { phone }) => {
          await server.verifyToken(phone.pairs[0].refresh_token, { type: 'refresh' })
          return {}
        },
      },
    },
    breaks: /phone lives after its end/,
    count: 1,
  },
  {
    mistake: 'a rotation writes over what is held',
    wrong: only(
      'refresh',
      overwriting(([key]) => isSession(key)),
    ),
    breaks: /two different refresh tokens/,
  },
  {
    mistake: 'a rotation writes over a tombstone',
    wrong: only(
      'refresh',
      overwriting(([key]) => isSession(key)),
    ),
    breaks: /phone lives after its end/,
    among: ['refresh', 'logout'],
  },
  {
    mistake: 'a guard writes the last activity over what is held',
    wrong: only(
      'guard',
      overwriting(([key]) => isSession(key)),
    ),
    breaks: /phone lives after its end/,
  },
  {
    mistake: 'login does not read the cut-off',
    wrong: only('login', store => ({
      get: async keys => (keys.some(isSubject) ? keys.map(() => undefined) : store.get(keys)),
      compareAndSet: (...write) => store.compareAndSet(...write),
    })),
    breaks: /access token of the session of login 1 is refused/,
    among: ['login', 'revokeAll'],
  },
  {
    mistake: 'login answers before it is listed',
    wrong: only(
      'login',
      writing(
        ([key]) => isList(key),
        () => async () => true,
      ),
    ),
    breaks: /login 1 is not listed/,
    count: 1,
  },
  {
    mistake: 'revokeAllSessions spares a session that has ended',
    wrong: only(
      'revokeOthers',
      cuttingOff((record, except) => ({ ...record, except })),
    ),
    breaks: /phone lives after its end/,
    among: ['revokeAll', 'revokeOthers'],
  },
  {
    mistake: 'revokeAllSessions spares nobody',
    instead: {
      revokeOthers: { ...OPERATIONS.revokeOthers, run: server => server.revokeAllSessions(SUBJECT).then(() => ({})) },
    },
    breaks: /phone is refused|client of phone cannot/,
    count: 1,
  },
  {
    mistake: 'two cut-offs in one millisecond are the same',
    wrong: only(
      'revokeAll',
      cuttingOff(({ cutoff }) => ({ cutoff: Math.min(cutoff, NOW) })),
    ),
    breaks: /session of login 1 lives after its end/,
    among: ['login', 'revokeAll'],
    count: 3,
  },
  {
    mistake: 'a login goes on after its time is over',
    wrong: only('login', store => ({
      get: async keys => {
        await store.get(keys)
        return store.get(keys)
      },
      compareAndSet: (...write) => store.compareAndSet(...write),
    })),
    breaks: /login goes on after/,
    count: 1,
    faults: 1,
  },
]
