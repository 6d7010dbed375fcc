/** Write one record to the database named by the first argument, and say which files there are and with which permissions. */
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SqliteTokenStore } from '../../stores/sqlite.js'

const path = process.argv[2] as string
const folder = process.argv[3] ?? dirname(path)
const store = new SqliteTokenStore(path)
await store.compareAndSet('key', undefined, 'a', new Date(Date.now() + 60_000))
for (const name of readdirSync(folder).sort()) {
  console.log(`${name} ${(statSync(join(folder, name)).mode & 0o777).toString(8)}`)
}
console.log(`umask ${process.umask().toString(8)}`)
await store.close()
