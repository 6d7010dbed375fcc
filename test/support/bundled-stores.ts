import { RedisTokenStore } from '../../stores/redis.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'

/** Prints what comes of a store that loads a package by itself. */
async function tell(make: () => RedisTokenStore | SqliteTokenStore): Promise<void> {
  try {
    const store = make()
    const answer = await store.get(['key']).catch(String)
    await store.close()
    console.log(answer)
  } catch (error) {
    console.log(String(error))
  }
}

tell(() => new SqliteTokenStore(':memory:')).then(() => tell(() => new RedisTokenStore('redis://127.0.0.1:1')))
