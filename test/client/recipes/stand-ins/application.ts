/** Starts a client from its storage, does what its arguments say, and prints what is true then as JSON. */
import type { AuthXClient } from 'koa-authx/client'

export async function runApplication(client: AuthXClient): Promise<void> {
  const before = client.getState().status
  await client.ready.catch(() => {})
  const after = client.getState().status
  const [command = ''] = process.argv.slice(2)
  if (command === 'login') await client.login({ username: 'ada', password: 'lovelace' })
  if (command === 'logout') await client.logout()
  const answer = await client.fetch('/notes').then(
    response => response.json() as Promise<Record<string, unknown>>,
    () => ({ error_type: 'none, because the request failed' }),
  )
  const { sub, error_type } = answer as Record<string, unknown>
  console.log(JSON.stringify({ before, after, status: client.getState().status, sub, error_type }))
}
