/** Write to the database named by the first argument until that fails, and say how it stands then. */
import { SqliteTokenStore } from '../../stores/sqlite.js'

const store = new SqliteTokenStore(process.argv[2] as string)
const value = 'v'.repeat(2000)
let written = 0
try {
  for (;;) {
    await store.compareAndSet(`key ${written}`, undefined, value, new Date(Date.now() + 60_000))
    written++
  }
} catch {
  const keys = Array.from({ length: written }, (_, i) => `key ${i}`)
  const values = await store.get([...keys, `key ${written}`])
  const whole = values.slice(0, -1).every(each => each === value) && values.at(-1) === undefined
  console.log(whole ? 'rejected, and what was written is there' : 'rejected, and values are missing')
}
