import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import * as machine from '../../client/machine.js'

/** What can happen to a client, in any order. The values are few, so that they meet. */
const ID = fc.constantFrom('a-login', 'b-login', 'c-login', 'stray-cookie')
const SEEN = fc.uniqueArray(ID, { maxLength: 3 })
const TOKENS = fc.record({ csrf_token: fc.option(ID, { nil: undefined }), expires_in: fc.constantFrom(900, undefined) })
const MESSAGE = fc.record({
  type: fc.constantFrom('login', 'refresh', 'logout', 'expired') as fc.Arbitrary<machine.Message['type']>,
  id: fc.option(
    ID.map(id => id.slice(0, 8)),
    { nil: undefined },
  ),
  reason: fc.constantFrom(undefined, 'RevokedTokenError'),
  expires_in: fc.constantFrom(undefined, 900, Number.POSITIVE_INFINITY),
})
const NOW = fc.double({ min: -1e6, max: 1e6, noNaN: true })

type Event = (known: machine.Known, since: machine.Known) => machine.Known
const EVENT: fc.Arbitrary<Event> = fc.oneof(
  fc.tuple(SEEN, fc.boolean()).map(
    ([seen, isOwn]): Event =>
      known =>
        machine.afterCookies(known, seen, isOwn),
  ),
  fc.constant<Event>(known => machine.afterReading(known)),
  fc.constant<Event>(known => machine.afterStorage(known, { refresh_token: 'stored' })),
  fc.constantFrom(undefined, 'RevokedTokenError').map(
    (reason): Event =>
      (known, since) =>
        machine.afterEnd(known, since, reason),
  ),
  fc.tuple(fc.boolean(), TOKENS, fc.option(ID, { nil: undefined }), NOW).map(
    ([isLogin, tokens, accepted, now]): Event =>
      (known, since) =>
        machine.afterAnswer(known, since, isLogin, tokens as machine.Tokens, accepted, now),
  ),
  fc.tuple(MESSAGE, fc.boolean(), NOW).map(
    ([message, isShared, now]): Event =>
      known =>
        machine.afterMessage(known, message, isShared, now, false),
  ),
)
/** Events, and for each how long ago its request was sent. */
const HISTORY = fc.array(fc.tuple(EVENT, fc.nat(5)), { maxLength: 40 })

/** Runs a history. `visit` sees each step. */
function run(
  history: [Event, number][],
  visit: (before: machine.Known, after: machine.Known, since: machine.Known) => void,
) {
  const past = [machine.START]
  for (const [event, ago] of history) {
    const before = past.at(-1) as machine.Known
    const since = past[Math.max(0, past.length - 1 - ago)] as machine.Known
    const after = event(before, since)
    visit(before, after, since)
    past.push(after)
  }
}

const isChanged = (before: machine.Known, after: machine.Known) => before.logins !== after.logins

test('whoever the client acts as changes only with an event of a login or a logout, and with no token of the one before', () => {
  fc.assert(
    fc.property(HISTORY, history => {
      run(history, (before, after) => {
        if (!isChanged(before, after)) return
        assert.notEqual(after.told, before.told)
        assert.ok(after.told?.[0] === 'login' || after.told?.[0] === 'logout')
        if (after.told[1].elsewhere && after.told[0] === 'login') assert.equal(after.tokens.refresh_token, undefined)
        if (after.told[0] === 'logout') assert.deepEqual([after.tokens, after.id], [{}, undefined])
      })
    }),
  )
})

test('an answer about a login that is over changes nothing', () => {
  fc.assert(
    fc.property(HISTORY, TOKENS, NOW, (history, tokens, now) => {
      run(history, (before, after) => {
        if (!isChanged(before, after)) return
        assert.equal(machine.afterEnd(after, before, 'RevokedTokenError'), after)
        assert.equal(machine.afterAnswer(after, before, false, tokens as machine.Tokens, undefined, now), after)
      })
    }),
  )
})

test('a logout holds, whatever cookies of the login are still there and whatever is said late about it', () => {
  fc.assert(
    fc.property(HISTORY, SEEN, MESSAGE, (history, seen, message) => {
      run(history, before => {
        const visible = machine.afterCookies(before, seen, true)
        const after = machine.afterEnd(visible, visible)
        assert.equal(machine.isLoggedIn(machine.afterCookies(after, seen, false)), false)
        const own = machine.digestOf(visible)
        const isLogin = message.type === 'login'
        const late = isLogin ? { ...message, id: own } : message
        if (own || !isLogin) assert.equal(machine.isLoggedIn(machine.afterMessage(after, late, true, 0, false)), false)
      })
    }),
  )
})

test('a message of another login ends none, and one that comes twice changes nothing', () => {
  fc.assert(
    fc.property(HISTORY, MESSAGE, (history, message) => {
      run(history, before => {
        const once = machine.afterMessage(before, message, false, 0, false)
        if (message.type === 'logout' || message.type === 'login')
          assert.equal(
            machine.isLoggedIn(machine.afterMessage(once, message, false, 0, false)),
            machine.isLoggedIn(once),
          )
        const own = machine.digestOf(before)
        if (message.type === 'logout' && own && message.id && message.id !== own) assert.equal(once, before)
      })
    }),
  )
})

test('the state is frozen, and is another object if it says something else or a login has begun, and only then', () => {
  fc.assert(
    fc.property(HISTORY, history => {
      run(history, (before, after) => {
        const isBegun = after.told !== before.told && after.told?.[0] === 'login'
        const isOther = !isDeepStrictEqual(after.state, before.state)
        assert.equal(after.state !== before.state, isBegun || isOther)
        assert.ok(after.state === before.state || Object.isFrozen(after.state))
      })
    }),
  )
})
