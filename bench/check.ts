import assert from 'node:assert/strict'
import type { Case, Side } from './case.js'

/** Whether a side answers as it should, and whether what guards refuses what it should. @throws AssertionError */
export async function check({ name, load, headers, variant }: Case, side: Side, origin: string, token: string) {
  const expect = async (status: number, fields: Readonly<Record<string, string>>, what: string) => {
    const response = await fetch(`${origin}${load.path}`, { method: load.method, headers: fields })
    assert.equal(response.status, status, `${name}: ${side.server} with ${what}`)
    return response.text()
  }

  const { status = 200 } = side
  const body = await expect(status, headers(token), 'what is measured')
  if (load.path !== '/protected' || status !== 200) return
  assert.equal(JSON.parse(body).message, 'You have access', `${name}: ${side.server}`)
  if (side !== variant) return
  await expect(401, {}, 'no token')
  await expect(401, headers(forged(token)), 'a forged token')
}

/** The same token under another signature. */
export function forged(token: string): string {
  const start = token.lastIndexOf('.') + 1
  return `${token.slice(0, start)}${token[start] === 'A' ? 'B' : 'A'}${token.slice(start + 1)}`
}
