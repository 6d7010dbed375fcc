import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenStore } from '../../store.js'
import { failure, StoreRejection } from '../show.js'
import {
  answerOrRejection,
  type Cases,
  expectRejection,
  expectValue,
  later,
  newKey,
  read,
  type StoreOutage,
  several,
  write,
} from '../steps.js'

const WORKS_AGAIN_WITHIN_MS = 10_000

/** Cases about calls while the backend fails, and after it works again. */
export function outages(outage: StoreOutage): Cases {
  return {
    async 'while the backend fails, get rejects and never answers "nothing"'(open) {
      const [store, other] = await several(open)
      const [key, missing] = [newKey(), newKey()]
      await write(store, key, 'a')
      await expectValue(other, key, 'a')
      await expectValue(other, missing, undefined)
      const inVain = (each: TokenStore) => [
        expectRejection('get of a key that has a value', each.get([key])),
        expectRejection('get of a key that has no value', each.get([missing])),
        expectRejection('get of two keys', each.get([key, missing])),
        expectRejection('get of two keys, one never read before', each.get([newKey(), key])),
      ]
      await during(outage, () => Promise.all([...inVain(store), ...inVain(other)]))
      await worksAgain(store)
      await worksAgain(other)
      await expectValue(store, key, 'a', 'get once the backend works again')
      await expectValue(other, key, 'a', 'get once the backend works again')
    },

    async 'what is rejected while the backend fails is not written afterwards'(open) {
      const store = await open()
      const [key, missing] = [newKey(), newKey()]
      await write(store, key, 'a')
      const inVain = (name: string, expected: string | undefined, what: string) =>
        expectRejection(`compareAndSet ${what}`, store.compareAndSet(name, expected, 'late', later()))
      await during(outage, () =>
        Promise.all([
          inVain(key, 'a', 'that expects the stored value'),
          inVain(key, 'b', 'that does not expect the stored value'),
          inVain(missing, undefined, 'of a key that has no value'),
        ]),
      )
      await worksAgain(store)
      // The rejected write may arrive late: a client may queue it and send it again after some time.
      for (let turn = 0; turn < 10; turn++, await sleep(50)) {
        await expectValue(store, key, 'a', 'get of a key whose write was rejected')
        await expectValue(store, missing, undefined, 'get of a key whose write was rejected')
      }
      await write(store, key, 'b', 'a')
    },
  }
}

async function during<T>({ start, end }: StoreOutage, work: () => Promise<T>): Promise<T> {
  await start()
  try {
    return await work()
  } finally {
    await end()
  }
}

async function worksAgain(store: TokenStore): Promise<void> {
  const deadline = performance.now() + WORKS_AGAIN_WITHIN_MS
  for (;;) {
    const answer = await answerOrRejection(read(store, newKey()))
    if (!(answer instanceof StoreRejection)) return
    if (performance.now() > deadline) {
      const seen = `only rejections for ${WORKS_AGAIN_WITHIN_MS / 1000} seconds, the last: ${answer.reason}`
      throw failure('get once the backend works again', seen, 'an answer')
    }
    await sleep(20)
  }
}
