import { AssertionError } from 'node:assert'
import { failure } from '../show.js'
import { type Cases, expectRejection, expectValue, later, newKey, several, write } from '../steps.js'

/** What `close` ends, for a store that has it. */
export const closing: Cases = {
  async 'a call after close rejects, and closing twice is fine'(open) {
    const store = await open()
    if (!store.close) return
    const key = newKey()
    await write(store, key, 'a')
    await store.close()
    await expectRejection('get after close', () => store.get([key]))
    await expectRejection('compareAndSet after close', () => store.compareAndSet(key, 'a', 'b', later()))
    await store.close()
  },

  async 'closing one handle leaves the others open'(open) {
    const [store, other] = await several(open)
    const [key, ofOther] = [newKey(), newKey()]
    await write(store, key, 'a')
    await write(other, ofOther, 'a')
    await store.close?.()
    await expectValue(other, key, 'a', 'get of what was written by a handle that is closed now')
    await expectValue(other, ofOther, 'a', 'get after another handle was closed')
    await write(other, ofOther, 'b', 'a')
  },

  async 'a write that is under way when its handle is closed ends, and tells the truth'(open) {
    const [store, other] = await several(open)
    const key = newKey()
    const writing = store.compareAndSet(key, undefined, 'b', later()).catch((error: unknown) => {
      // One of ours says that it has not ended.
      if (error instanceof AssertionError) throw error
      return 'rejected'
    })
    await store.close?.()
    const written = await writing
    if (written === false) throw failure('compareAndSet that was under way', 'false', 'true or a rejection')
    if (written === true) await expectValue(other, key, 'b', 'get of what was reported as written')
  },
}
