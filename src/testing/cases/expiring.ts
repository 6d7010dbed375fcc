import { setTimeout as sleep } from 'node:timers/promises'
import {
  briefLives,
  expectGone,
  expire,
  expireAll,
  farDates,
  inTime,
  isOver,
  watchExpiry,
  writeUntil,
} from '../expiry.js'
import { expectSame, show } from '../show.js'
import { type Cases, expectRefusal, expectValue, newKey, racers, read, several, write } from '../steps.js'
import { race } from './racing.js'

const WRITTEN_OVER = 'get of a value that was written over an expired value'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** Cases about `expiresAt`: values before and after their expiry. */
export const expiring: Cases = {
  async 'a value is there until its date and gone after it'(open) {
    const stores = await several(open)
    const kept = newKey()
    await write(stores[0], kept, 'kept')
    await Promise.all(briefLives.map(life => watchExpiry(stores, life)))
    await expectValue(stores[0], kept, 'kept', 'get of a value that is kept for longer')
  },

  async 'a value is kept, be its date in an hour or in ten years'(open) {
    const stores = await several(open)
    const records = farDates().map(date => ({ key: newKey(), date }))
    // Once as a new value and once over another value: a store may use two different commands.
    await Promise.all(records.map(({ key, date }) => write(stores[0], key, 'kept', undefined, date)))
    const replaced = farDates().map(date => ({ key: newKey(), date }))
    await Promise.all(replaced.map(({ key }) => write(stores[0], key, 'first')))
    await Promise.all(replaced.map(({ key, date }) => write(stores[0], key, 'kept', 'first', date)))
    records.push(...replaced)
    // If a timer or a counter of the store overflows, some values expire almost at once.
    await sleep(500)
    for (const store of stores) {
      for (const { key, date } of records) {
        await expectValue(store, key, 'kept', `get after half a second of a value whose date is ${show(date)}`)
      }
    }
    // Let the values expire earlier, because they are not needed for years.
    await Promise.all(records.map(({ key }) => write(stores[0], key, 'over', 'kept')))
  },

  async 'an expired value is nothing to compareAndSet'(open) {
    const [store, reader] = await several(open)
    const plain = { value: 'brief' }
    const long = { value: 'b'.repeat(5000) }
    const longKey = { value: 'brief', keyFor: () => newKey().padEnd(200, 'k') }
    const records = [plain, plain, plain, plain, plain, plain, { value: '' }, long, long, longKey, longKey]
    const [held, free, seen, ...others] = (await expireAll(store, [plain, plain, plain, ...records])) as [
      string,
      string,
      string,
      ...string[],
    ]
    // The other keys have not been read since they expired. This matters because a store may delete an expired value
    // when it reads it.
    expectSame('get of three keys, one with an expired value', (await reader.get([held, newKey(), seen]))[2], undefined)
    await expectRefusal(store, held, 'brief', undefined)
    await expectValue(store, held, undefined, 'get of an expired value after a compareAndSet that expected it')
    await write(store, free, 'new')
    await expectValue(store, free, 'new', WRITTEN_OVER)
    // Lifetimes, values and keys that a store may handle in different ways.
    const lives = [3 * HOUR_MS, 400 * DAY_MS, 3650 * DAY_MS]
    await Promise.all(
      records.map(async ({ value: brief }, place) => {
        const key = others[place] as string
        const expiresAt = new Date(Date.now() + (lives[place % lives.length] as number))
        const value = place % 2 ? brief : 'x'.repeat(200)
        await expectRefusal(store, key, brief, undefined, { value, expiresAt })
        await expectRefusal(store, key, 'another', undefined, { value, expiresAt })
        await expectValue(
          store,
          key,
          undefined,
          'get of an expired value after a compareAndSet that expected another one',
        )
        await write(store, key, value, undefined, expiresAt)
        await expectValue(store, key, value, WRITTEN_OVER)
        await write(store, key, 'over', value)
      }),
    )
    await expectValue(reader, seen, undefined, 'get of an expired value')
    await expectRefusal(store, seen, 'brief', undefined)
    await write(store, seen, 'new')
    await expectValue(store, seen, 'new', WRITTEN_OVER)
  },

  async 'if many write over an expired value at once, exactly one gets true'(open) {
    const stores = await several(open, 4)
    const [key] = (await expire(stores[0], 1)) as [string]
    await race(stores, key, undefined)
  },

  async 'what is written over an expired value stays, also if others read it meanwhile'(open) {
    const [writer, reader] = await several(open)
    const keys = await expire(writer, racers)
    await Promise.all(keys.flatMap(key => [read(reader, key), write(writer, key, 'new'), read(reader, key)]))
    await sleep(50)
    for (const key of keys) await expectValue(reader, key, 'new', WRITTEN_OVER)
  },

  async 'a replaced value has its own expiry, later or earlier'(open) {
    const store = await open()
    // Replaced by another value, and by the same value.
    const values = ['prolonged', 'brief']
    const prolong = (value: string) =>
      inTime(async date => {
        const brief = await writeUntil(store, date)
        await write(store, brief.key, value, 'brief')
        return { ...brief, value }
      })
    const shorten = (expected: string) =>
      inTime(async date => {
        const key = newKey()
        await write(store, key, expected)
        return writeUntil(store, date, { key, expected })
      })
    const prolonged = await Promise.all(values.map(prolong))
    const shortened = await Promise.all(values.map(shorten))
    for (const brief of shortened) await expectGone(store, brief)
    for (const brief of prolonged) {
      await isOver(brief)
      await expectValue(store, brief.key, brief.value, 'get after the date of the value that was replaced')
    }
  },

  async 'a comparison that fails leaves the expiry alone'(open) {
    const store = await open()
    const others = ['another', undefined]
    const briefs = await Promise.all(
      others.map(expected =>
        inTime(async date => {
          const kept = newKey()
          await write(store, kept, 'kept')
          const brief = await writeUntil(store, date)
          await expectRefusal(store, brief.key, expected, 'brief')
          await expectRefusal(store, kept, expected, 'kept', { expiresAt: new Date(date) })
          return { ...brief, kept }
        }),
      ),
    )
    for (const { kept, ...brief } of briefs) {
      await expectGone(store, brief)
      await expectValue(store, kept, 'kept', 'get after the date of a write whose comparison failed')
    }
  },
}
