import assert from 'node:assert/strict'
import { test } from 'node:test'
import { page, Results } from '../../bench/page.js'
import { row } from '../../bench/row.js'

/** The page of a row that takes 5 µs beyond its floor. */
function pageOf(atMost: number, missed?: string): string {
  const guard = row('a guard', 'a/server', 'a/floor', { aims: [{ atMost }] })
  const results = new Results()
  results.runs.push(new Map([[guard.name, { row: guard, slices: [{ server: 45, floor: 40 }], at: new Map() }]]))
  return page('npm run bench', [{ title: 'Guards', text: 'A token.', rows: [guard], missed }], results, 'A machine.')
}

test('the page says below a table what the parts of a row cost, if a row has missed its aim', () => {
  assert.match(pageOf(4, 'The HMAC takes 3 µs.'), /\| \*\*no\*\* \|.*\n\nThe HMAC takes 3 µs\.\n/)
  assert.doesNotMatch(pageOf(6, 'The HMAC takes 3 µs.'), /HMAC/)
  assert.doesNotMatch(pageOf(4), /undefined/)
})
