/** Compiled by `npm run types`, never run: what `audit` and the test kit take, and what they do not. */
import Router from '@koa/router'
import Koa from 'koa'
import { type Audit, AuthX, audit } from '../../src/index.js'
import { FaultyTokenStore, makeToken, TestClock } from '../../src/testing/index.js'

interface User {
  name: string
}

const router = new Router<{ user: User }>()
const authx = new AuthX<{ role: string }, User>({ now: new TestClock().now })
const report: Audit = audit(new Koa<{ user: User }>())
audit(router).unsafe.map(({ path, guard, why, routes }) => [path, guard, why, ...routes])
report.routes.map(({ method, path, host, guards, open, before }) => [method, path, host, guards, open, before])

// @ts-expect-error: neither an app nor a router
audit('app')
// @ts-expect-error: its router, not what mounts it
audit(router.routes())
// @ts-expect-error: an AuthX has no routes
audit(authx)

makeToken(authx, { exp: 0, scopes: undefined, anything: {} }, { header: { kid: 'a' } }).split('.')
// @ts-expect-error: it is signed with the key of an instance
makeToken({})
// @ts-expect-error: no such option
makeToken(authx, {}, { headers: {} })
// @ts-expect-error: a store has two verbs
new FaultyTokenStore({ get: async () => [] })
// @ts-expect-error: durations are numbers or strings
new TestClock().advance(new Date())
