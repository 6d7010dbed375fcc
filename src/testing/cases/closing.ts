import { expectSame, failure, StoreRejection } from '../show.js'
import {
  answerOrRejection,
  type Cases,
  expectRejection,
  expectValue,
  later,
  newKey,
  read,
  several,
  write,
} from '../steps.js'

const CALLS = 10

/** Cases about `close`, for stores that have this method. */
export const closing: Cases = {
  async 'a call after close rejects, and closing twice is fine'(open) {
    const store = await open()
    if (!store.close) return
    const key = newKey()
    await write(store, key, 'a')
    await store.close()
    await expectRejection('get after close', store.get([key]))
    await expectRejection('get of two keys after close', store.get([key, newKey()]))
    await expectRejection('compareAndSet after close', store.compareAndSet(key, 'a', 'b', later()))
    await store.close()
  },

  async 'closing one handle leaves the others open'(open) {
    const [store, other] = await several(open)
    const [key, ofOther] = [newKey(), newKey()]
    await write(store, key, 'a')
    await write(other, ofOther, 'a')
    await store.close?.()
    await expectValue(other, key, 'a', 'get of a value that was written by a handle that is closed now')
    await expectValue(other, ofOther, 'a', 'get after another handle was closed')
    await write(other, ofOther, 'b', 'a')
  },

  async 'if a handle is closed during a write, the write ends and its answer is correct'(open) {
    const [store, other] = await several(open)
    const key = newKey()
    const writing = answerOrRejection(store.compareAndSet(key, undefined, 'b', later()))
    // The case reads the result after `close`. Until then, a rejection must not count as unhandled.
    writing.catch(() => {})
    await store.close?.()
    const written = await writing
    if (written instanceof StoreRejection) return
    if (!written) throw failure('compareAndSet during close', 'false', 'true or a rejection')
    await expectValue(other, key, 'b', 'get of a value that was reported as written')
  },

  async 'if a handle is closed during calls of another handle, they are answered'(open) {
    const [store, other] = await several(open)
    const key = newKey()
    await write(other, key, 'a')
    await read(store, key)
    const keys = Array.from({ length: CALLS }, newKey)
    const calls = [...keys.map(each => write(other, each, each)), ...keys.map(() => expectValue(other, key, 'a'))]
    await Promise.all([...calls, store.close?.()])
    await expectValue(other, key, 'a', 'get after another handle was closed')
  },

  async 'if a handle is closed during a read, the read returns the stored value or rejects'(open) {
    const [store, other] = await several(open)
    const key = newKey()
    await write(other, key, 'a')
    const reading = answerOrRejection(read(store, key))
    reading.catch(() => {})
    // Two calls at the same time: a process may get two signals.
    await Promise.all([store.close?.(), store.close?.()])
    const seen = await reading
    if (!(seen instanceof StoreRejection)) expectSame('get during close', seen, 'a')
  },
}
