import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as machine from '../../client/machine.js'

const token = (claims: object) => `head.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`

/** What a client knows after a login whose CSRF cookie has this value. */
function loggedIn(value: string): machine.Known {
  const before = machine.afterReading(machine.START)
  const seen = machine.afterCookies(before, [value], true)
  return machine.afterAnswer(seen, before, true, { expires_in: 900 }, undefined, 0)
}

test('a refresh that is answered with the tokens of another login is told as a login elsewhere', () => {
  const before = machine.afterReading(machine.START)
  const answerOf = (sid: string) => ({ access_token: token({ sid, sub: 'ada' }), refresh_token: sid })
  const known = machine.afterAnswer(before, before, true, answerOf('one'), undefined, 0)
  const same = machine.afterAnswer(known, known, false, answerOf('one'), undefined, 1)
  assert.deepEqual(same.told, ['refresh', { elsewhere: false }])
  const other = machine.afterAnswer(known, known, false, answerOf('other'), undefined, 1)
  assert.deepEqual(other.told, ['login', { elsewhere: true }])
  assert.equal(machine.isSameLogin(other, known), false)
})

test('a cookie of the same name beside that of the login is no other login, and one in place of it is', () => {
  const known = loggedIn('own')
  const beside = machine.afterCookies(known, ['own', 'stray'], false)
  assert.deepEqual([beside.told, beside.id], [known.told, 'own'])
  const other = machine.afterCookies(known, ['other'], false)
  assert.deepEqual([other.told, other.id], [['login', { elsewhere: true }], 'other'])
})

test('a cookie that appears while nobody is logged in is told as a login elsewhere', () => {
  const nobody = machine.afterReading(machine.START)
  const known = machine.afterCookies(nobody, ['new'], false)
  assert.deepEqual([known.told, machine.isLoggedIn(known)], [['login', { elsewhere: true }], true])
})

test('a logout holds if a late answer sets the cookies of the login again', () => {
  const known = loggedIn('own')
  const out = machine.afterCookies(machine.afterEnd(known, known), [], false)
  const again = machine.afterCookies(out, ['own'], false)
  assert.deepEqual([machine.isLoggedIn(again), again.told], [false, ['logout', { elsewhere: false }]])
})
