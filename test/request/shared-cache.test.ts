import assert from 'node:assert/strict'
import type { OutgoingHttpHeaders } from 'node:http'
import { describe, test } from 'node:test'
import { sharedCaching } from '../../src/request/shared-cache.js'
import { TEST_NOW } from '../support/app.js'

const FUTURE = new Date(TEST_NOW + 60_000).toUTCString()
const PAST = new Date(TEST_NOW - 60_000).toUTCString()

type Case = OutgoingHttpHeaders | string

/** A text stands for the value of `Cache-Control`. */
const CASES: Record<'allowed' | 'forbidden' | 'unsaid', readonly Case[]> = {
  allowed: [
    'public',
    'PUBLIC, Max-Age=0',
    'max-age=600',
    'max-age="600"',
    'max-age=0, max-age=600',
    'max-age=600, no-cache',
    'max-age=600, must-revalidate',
    'max-age=6h',
    's-maxage=60',
    'S-MaxAge="60"',
    'max-age=0,s-maxage=1',
    'private="X-User", max-age=600',
    'private="X-User"',
    'Private = "X-User, X-Other" , max-age=600',
    'private=X-User',
    'no-cache="Set-Cookie"',
    'no-cache="Set-Cookie", max-age=600',
    'max-age=600, extension="private, no-store"',
    'max-age=600, extension="a \\", private, \\""',
    'max-age=600, not-private, x-no-store',
    'private="X-User, max-age=600',
    'must-understand, no-store, max-age=600',
    'must-understand, no-store',
    'immutable',
    'stale-while-revalidate=30',
    'stale-if-error=30',
    'private, s-maxage=60',
    'private, public',
    { 'cache-control': ['no-cache', 'max-age=600'] as never },
    { expires: FUTURE },
    { expires: FUTURE, 'cache-control': 'no-cache' },
    { expires: FUTURE, pragma: 'no-cache' },
    { 'cdn-cache-control': 'max-age=60' },
    { 'cdn-cache-control': 'max-age=60', 'cache-control': 'no-store' },
    { 'cdn-cache-control': 'none', 'cache-control': 'no-store' },
    { 'cloudflare-cdn-cache-control': 'max-age=60', 'cache-control': 'private' },
    { 'vercel-cdn-cache-control': 'max-age=60' },
    { 'netlify-cdn-cache-control': 'durable, max-age=60' },
    { 'x-litespeed-cache-control': 'public,max-age=120' },
    { 'brand-new-cdn-cache-control': 'max-age=60' },
    { 'surrogate-control': 'max-age=0', 'cache-control': 'private' },
    { 'surrogate-control': ['no-store', 'max-age=60'], 'cdn-cache-control': 'max-age=60' },
    { 'edge-control': '!no-store, cache-maxage=1d', 'cache-control': 'no-store' },
    { 'x-accel-expires': 60 },
    { 'x-accel-expires': '@1893456000', 'cache-control': 'private' },
  ],
  forbidden: [
    'private',
    'PRIVATE, max-age=600',
    'no-store',
    'No-Store, no-cache, must-revalidate, proxy-revalidate',
    'private, no-cache="Set-Cookie"',
    'max-age=600, private',
    'private, s-maxage=0',
    { 'cache-control': ['max-age=600', 'private'] as never },
    { 'cache-control': 'no-store', expires: FUTURE },
    { 'cdn-cache-control': 'no-store', 'cache-control': 'private, max-age=600' },
    { 'surrogate-control': 'NO-STORE', 'cache-control': 'private' },
    { 'edge-control': 'bypass-cache', 'cache-control': 'no-store' },
    { 'x-accel-expires': '0', 'cache-control': 'private' },
    { 'x-accel-expires': 0, 'cache-control': 'private' },
    { 'cdn-cache-control': '', 'cache-control': 'private' },
  ],
  unsaid: [
    '',
    {},
    'no-cache',
    'no-cache, must-revalidate',
    'max-age=0, must-revalidate',
    'max-age=-1',
    'max-age="0"',
    's-maxage=0',
    'no-transform',
    'community="UCI"',
    'xpublic, not-private',
    'private; max-age=600',
    { pragma: 'no-cache' },
    { expires: '0' },
    { expires: '-1' },
    { expires: PAST },
    { expires: 'Thu, 01 Jan 1970 00:00:00 GMT', 'cache-control': 'no-cache' },
    { 'cdn-cache-control': 'no-store' },
    { 'cdn-cache-control': 'private', 'cache-control': 'no-cache' },
    { 'access-control-allow-origin': '*', 'x-dns-prefetch-control': 'on', vary: 'Cookie' },
  ],
}

for (const [answer, cases] of Object.entries(CASES)) {
  describe(`keeping a response in a shared cache is ${answer}`, () => {
    for (const said of cases) {
      const headers = typeof said === 'string' ? { 'cache-control': said } : said
      test(`by ${JSON.stringify(headers)}`, () => {
        assert.equal(sharedCaching(200, headers, TEST_NOW), answer)
      })
    }
  })
}

test('the status decides nothing but for 304, which updates what a cache has stored', () => {
  for (const status of [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501, 302, 500]) {
    assert.equal(sharedCaching(status, {}, TEST_NOW), 'unsaid')
    assert.equal(sharedCaching(status, { 'cache-control': 'max-age=1' }, TEST_NOW), 'allowed')
  }
  assert.equal(sharedCaching(304, {}, TEST_NOW), 'allowed')
  assert.equal(sharedCaching(304, { 'cache-control': 'no-cache' }, TEST_NOW), 'allowed')
  assert.equal(sharedCaching(304, { 'cache-control': 'private' }, TEST_NOW), 'forbidden')
})
