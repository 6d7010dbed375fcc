import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { liesInside } from '../../src/request/cookie-path.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, makeAuthX, serve, warningsOf } from '../support/app.js'

test('a cookie goes to its path and below it', () => {
  const cases: [path: string, cookiePath: string, goes: boolean][] = [
    ['/', '/', true],
    ['/logout', '/', true],
    ['/auth', '/auth', true],
    ['/auth/', '/auth', true],
    ['/auth/logout', '/auth', true],
    ['/auth/logout', '/auth/', true],
    ['/auth', '/auth/', false],
    ['/authority', '/auth', false],
    ['/logout', '/refresh', false],
    ['/Auth/logout', '/auth', false],
    ['/', '/auth', false],
  ]
  for (const [path, cookiePath, goes] of cases)
    assert.equal(liesInside(path, cookiePath), goes, `${path} ${cookiePath}`)
})

/** What is warned of at a logout by a request with these cookies. */
const logouts = (options: object) => {
  const authx = makeAuthX({ store: new MemoryTokenStore(), ...options })
  const app = appOf(authx.middleware(), ctx => authx.logout(ctx))
  return async (t: Parameters<typeof serve>[0], path: string, cookie = '') => {
    const client = await serve(t, app)
    const warnings = await warningsOf(() => client({ method: 'POST', path, headers: [['Cookie', cookie]] }))
    return warnings.filter(({ code }) => code === 'AUTHX_LOGOUT_PATH').map(({ message }) => message)
  }
}

const DUAL = { access: ['headers'], refresh: ['cookies'] }
const TOKEN = 'refresh_token_cookie=a'

describe('a logout', () => {
  test('is no warning where the cookie comes or could come, or is none of its tokens', async t => {
    const quiet: [options: object, path: string, cookie?: string][] = [
      [{ tokenLocation: DUAL }, '/logout'],
      [{ tokenLocation: DUAL, refreshCookiePath: '/auth' }, '/auth/logout?from=page'],
      [{ tokenLocation: ['headers'], refreshCookiePath: '/refresh' }, '/logout'],
      // A proxy shows browsers another path.
      [{ tokenLocation: DUAL, refreshCookiePath: '/api' }, '/logout', TOKEN],
      [{ tokenLocation: ['cookies'], accessCookiePath: '/api' }, '/logout'],
    ]
    for (const [options, path, cookie] of quiet) assert.deepEqual(await logouts(options)(t, path, cookie), [], path)
  })

  test('without cookies is no warning where another has shown that a proxy rewrites paths', async t => {
    const logout = logouts({ tokenLocation: DUAL, refreshCookiePath: '/api' })
    assert.deepEqual(await logout(t, '/logout', TOKEN), [])
    assert.deepEqual(await logout(t, '/logout'), [])
  })

  test('whose path the cookie does not reach is a warning that names the option, once', async t => {
    const logout = logouts({ tokenLocation: DUAL, refreshCookiePath: '/refresh' })
    const [message, ...more] = await logout(t, '/logout', 'csrf_refresh_token=a; other_refresh_token_cookie=b')
    assert.match(message ?? '', /refreshCookiePath \(\/refresh\):.*\/refresh\/logout/)
    assert.deepEqual([more, await logout(t, '/logout')], [[], []])
  })
})
