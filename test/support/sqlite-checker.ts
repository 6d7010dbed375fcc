/**
 * Prints what `check` finds in the database under a path, as a user who is not root if there is a number of one.
 * Usage: <path> [<user>]
 */
import { SqliteTokenStore } from '../../stores/sqlite.js'

const [, , path = '', user] = process.argv
// What is imported later has to be loaded before: the other user may not read it.
const before = new SqliteTokenStore(path)
await before.check().catch(() => {})
await before.close()
if (user !== undefined) process.setuid?.(Number(user))
const store = new SqliteTokenStore(path)
const found = await store.check().catch((error: Error) => error.message)
await store.close()
console.log(JSON.stringify(found))
