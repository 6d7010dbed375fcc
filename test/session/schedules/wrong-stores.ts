import { isList, isSession, isSubject, type Mistake, overwriting, read, TOMBSTONE, writing } from './mistake.js'

/** Stores that break their contract. */
export const WRONG_STORES: readonly Mistake[] = [
  {
    mistake: 'compareAndSet ignores what it should compare with',
    wrong: overwriting(() => true),
    breaks: /two different refresh tokens/,
  },
  {
    mistake: 'compareAndSet reads and writes in two steps',
    wrong: writing(
      () => true,
      (store, desk) => async (key, expected, value) => {
        if ((await read(store, key)) !== expected) return false
        return desk.call('compareAndSet', [key], records => {
          records.set(key, value)
          return true
        })
      },
    ),
    breaks: /two different refresh tokens/,
  },
  {
    mistake: 'compareAndSet answers true to who has lost',
    wrong: writing(
      () => true,
      store =>
        (...write) =>
          store.compareAndSet(...write).then(() => true),
    ),
    breaks: /two different refresh tokens/,
  },
  {
    mistake: 'tombstones are not written',
    wrong: writing(
      ([, , value]) => value === TOMBSTONE,
      () => async () => true,
    ),
    breaks: /lives after its end/,
    count: 1,
  },
  {
    mistake: 'cut-offs are not written',
    wrong: writing(
      ([key]) => isSubject(key),
      () => async () => true,
    ),
    breaks: /lives after its end/,
    count: 1,
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
    count: 1,
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
    count: 1,
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
    count: 1,
    faults: 1,
  },
  {
    mistake: 'an acknowledged write takes effect later',
    wrong: writing(
      ([key]) => isSession(key),
      (store, desk) => async (key, expected, value) => {
        const isFree = (await read(store, key)) === expected
        if (isFree) void desk.call('compareAndSet', [key], records => records.set(key, value)).catch(() => {})
        return isFree
      },
    ),
    breaks: /after the end|after its end|two different/,
  },
]
