import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { makeAuthX } from '../support/app.js'
import { COOKIE_EFFECTS } from './effects/cookies.js'
import type { Effect, OptionName } from './effects/effect.js'
import { IMPLICIT_REFRESH_EFFECTS } from './effects/implicit-refresh.js'
import { LOCATION_EFFECTS } from './effects/locations.js'
import { SESSION_EFFECTS } from './effects/sessions.js'
import { TOKEN_EFFECTS } from './effects/tokens.js'

// The type demands an entry for every option: one without an effect does not compile.
const EFFECTS: Record<OptionName, Effect> = {
  ...TOKEN_EFFECTS,
  ...LOCATION_EFFECTS,
  ...COOKIE_EFFECTS,
  ...SESSION_EFFECTS,
  ...IMPLICIT_REFRESH_EFFECTS,
}

describe('every option does what its name says', () => {
  for (const [name, effect] of Object.entries(EFFECTS)) {
    test(name, async t => {
      assert.deepEqual(await effect.see(makeAuthX(effect.base), t), effect.without, `without ${name}`)
      assert.deepEqual(await effect.see(makeAuthX({ ...effect.base, ...effect.given }), t), effect.with, `with ${name}`)
    })
  }
})
