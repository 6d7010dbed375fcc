import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authRouter } from '../../src/router/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { makeAuthX, warningsOf } from '../support/app.js'

const DUAL = { access: ['headers'], refresh: ['cookies'] } as const

async function warningsAbout(options: object, paths = {}): Promise<string[]> {
  const authx = makeAuthX({ store: new MemoryTokenStore(), tokenLocation: DUAL, ...options })
  const warnings = await warningsOf(async () => void authRouter(authx, { paths }))
  return warnings.filter(({ code }) => code === 'AUTHX_LOGOUT_PATH').map(({ message }) => message)
}

test('authRouter warns of a logout route that the refresh cookie cannot reach, and only if that is certain', async () => {
  const quiet: [options: object, paths?: object][] = [
    [{}],
    // The router may be mounted there.
    [{ refreshCookiePath: '/auth' }],
    [{ refreshCookiePath: '/auth/session' }, { refresh: '/session', logout: '/session/end' }],
    [{ refreshCookiePath: '/refresh' }, { refresh: '/refresh/go', logout: '/refresh/end' }],
    [{ refreshCookiePath: '/refresh' }, { logout: false }],
    [{ refreshCookiePath: '/refresh' }, { refresh: false }],
    [{ refreshCookiePath: '/refresh', tokenLocation: ['headers'] }],
  ]
  for (const [options, paths] of quiet) assert.deepEqual(await warningsAbout(options, paths), [])
  const [message] = await warningsAbout({ refreshCookiePath: '/auth/refresh' })
  assert.match(message ?? '', /refreshCookiePath \(\/auth\/refresh\)/)
})
