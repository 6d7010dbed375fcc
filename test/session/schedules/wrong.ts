import type { TokenStore } from '../../../src/index.js'
import { OPERATIONS, type OperationName, type Operations } from './operations.js'
import type { WrongStore } from './run.js'
import { NOW, SUBJECT } from './scene.js'

/** A mistake in the store, or in what the library does with it, and what shows it. */
export interface Mistake {
  readonly mistake: string
  readonly wrong?: WrongStore
  /** Operations done otherwise. */
  readonly instead?: Partial<Operations>
  /** The promise that it breaks. */
  readonly breaks: RegExp
  /** The operations among which it is looked for; all if left out. */
  readonly among?: readonly OperationName[]
  /** How many operations it takes. Default 2. */
  readonly operations?: number
  /** How many calls a fault hits. Default 0. */
  readonly faults?: number
}

type Write = Parameters<TokenStore['compareAndSet']>

const isSession = (key: string) => key.startsWith('session:')
const isSubject = (key: string) => key.startsWith('subject:')
const isList = (key: string) => key.startsWith('sessions:')
const TOMBSTONE = '{"revoked":true}'

/** A store that writes some things otherwise. */
const writing =
  (
    isWrong: (write: Write) => boolean,
    make: (...args: Parameters<WrongStore>) => TokenStore['compareAndSet'],
  ): WrongStore =>
  (store, ...others) => {
    const wrongly = make(store, ...others)
    return {
      get: keys => store.get(keys),
      compareAndSet: (...write) => (isWrong(write) ? wrongly(...write) : store.compareAndSet(...write)),
    }
  }

/** A write that does not look at what is held. */
const overwriting = (isWrong: (write: Write) => boolean): WrongStore =>
  writing(
    isWrong,
    (_store, world, by) => (key, _expected, value) =>
      world.call(by, 'compareAndSet', [key], () => {
        world.put(key, value)
        return true
      }),
  )

const until = () => new Date(Date.now() + 1e9)
const read = async (store: TokenStore, key: string) => (await store.get([key]))[0]
const only =
  (name: OperationName, wrong: WrongStore): WrongStore =>
  (store, world, by, operation) =>
    operation.name === OPERATIONS[name].name ? wrong(store, world, by, operation) : store

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

const OF_THE_STORE: Mistake[] = [
  {
    mistake: 'compareAndSet ignores what it should compare with',
    wrong: overwriting(() => true),
    breaks: /two different successors/,
  },
  {
    mistake: 'compareAndSet reads and writes in two steps',
    wrong: writing(
      () => true,
      (store, world, by) => async (key, expected, value) => {
        if ((await read(store, key)) !== expected) return false
        return world.call(by, 'compareAndSet', [key], () => {
          world.put(key, value)
          return true
        })
      },
    ),
    breaks: /two different successors/,
  },
  {
    mistake: 'compareAndSet answers true to who has lost',
    wrong: writing(
      () => true,
      store =>
        (...write) =>
          store.compareAndSet(...write).then(() => true),
    ),
    breaks: /two different successors/,
  },
  {
    mistake: 'tombstones are not written',
    wrong: writing(
      ([, , value]) => value === TOMBSTONE,
      () => async () => true,
    ),
    breaks: /lives after its end/,
    operations: 1,
  },
  {
    mistake: 'cut-offs are not written',
    wrong: writing(
      ([key]) => isSubject(key),
      () => async () => true,
    ),
    breaks: /lives after its end/,
    operations: 1,
  },
  {
    mistake: 'the list is written over',
    wrong: overwriting(([key]) => isList(key)),
    breaks: /is not listed/,
  },
  {
    mistake: 'a read that fails answers nothing',
    wrong: store => ({
      get: keys => store.get(keys).catch(() => keys.map(() => undefined)),
      compareAndSet: (...write) => store.compareAndSet(...write),
    }),
    breaks: /a fault makes .* not 503/,
    operations: 1,
    faults: 1,
  },
  {
    mistake: 'a write that fails answers true',
    wrong: writing(
      () => true,
      store =>
        (...write) =>
          store.compareAndSet(...write).catch(() => true),
    ),
    breaks: /a fault makes .* not 503/,
    operations: 1,
    faults: 1,
  },
  {
    mistake: 'a write that fails answers false, and is tried again',
    wrong: writing(
      () => true,
      store =>
        (...write) =>
          store.compareAndSet(...write).catch(() => false),
    ),
    breaks: /a fault makes .* not 503/,
    operations: 1,
    faults: 1,
  },
  {
    mistake: 'an acknowledged write takes effect later',
    wrong: writing(
      ([key]) => isSession(key),
      (store, world, by) => async (key, expected, value) => {
        const isFree = (await read(store, key)) === expected
        if (isFree) void world.call(by, 'compareAndSet', [key], () => world.put(key, value)).catch(() => {})
        return isFree
      },
    ),
    breaks: /after the end|after its end|two different/,
  },
]

const OF_THE_LIBRARY: Mistake[] = [
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
    operations: 1,
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
    operations: 1,
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
    operations: 1,
  },
  {
    mistake: 'a rotation writes over what is held',
    wrong: only(
      'refresh',
      overwriting(([key]) => isSession(key)),
    ),
    breaks: /two different successors/,
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
    operations: 1,
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
    operations: 1,
  },
  {
    mistake: 'two cut-offs in one millisecond are the same',
    wrong: only(
      'revokeAll',
      cuttingOff(({ cutoff }) => ({ cutoff: Math.min(cutoff, NOW) })),
    ),
    breaks: /session of login 1 lives after its end/,
    among: ['login', 'revokeAll'],
    operations: 3,
  },
]

export const MISTAKES: readonly Mistake[] = [...OF_THE_STORE, ...OF_THE_LIBRARY]
