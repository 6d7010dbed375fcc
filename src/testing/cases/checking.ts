import { type Cases, expectRejection, expectValue, newKey, write } from '../steps.js'

/** Cases about `check`, for stores that have this method. */
export const checking: Cases = {
  async 'check answers with a list of findings, and changes no record'(open) {
    const store = await open()
    if (!store.check) return
    const key = newKey()
    await write(store, key, 'a')
    await store.check()
    await expectValue(store, key, 'a', 'get after check')
  },

  async 'check rejects after close'(open) {
    const store = await open()
    if (!store.check || !store.close) return
    await store.close()
    await expectRejection('check after close', store.check())
  },
}
