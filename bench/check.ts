import assert from 'node:assert/strict'
import type { Row, Side } from './row.js'

/**
 * Checks that a server sends the response that its row measures, and that a guard refuses what it has to.
 * @throws AssertionError
 */
export async function check(row: Row, side: Side, origin: string, token: string): Promise<void> {
  const { name, request, status = 200, says } = row
  const expect = async (expected: number, headers: Readonly<Record<string, string>>, what: string) => {
    const response = await fetch(`${origin}${request.path}`, { method: request.method, headers })
    assert.equal(response.status, expected, `${name}: ${row[side]} with ${what}`)
    return response.text()
  }

  const body = await expect(status, request.headers(token), 'the measured request')
  assert.ok(body.includes(says), `${name}: ${row[side]} does not say ${says}: ${body}`)
  if (side === 'floor' || request.path !== '/protected' || status !== 200) return
  await expect(401, {}, 'no token')
  await expect(401, request.headers(forged(token)), 'a forged token')
}

/** The same token with another signature. */
export function forged(token: string): string {
  const start = token.lastIndexOf('.') + 1
  return `${token.slice(0, start)}${token[start] === 'A' ? 'B' : 'A'}${token.slice(start + 1)}`
}
