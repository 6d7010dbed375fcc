import { readable } from 'svelte/store'
import { client } from '../client.js'

/** Whether there is a login: `$auth.status`, `$auth.claims`, `$auth.reason`. */
export const auth = readable(client.getState(), set => {
  const update = () => set(client.getState())
  // Something may have changed since the store was created.
  update()
  return client.subscribe(update)
})

/** Different for each login. */
export const logins = readable(0, (_, update) => client.on('login', () => update(count => count + 1)))
