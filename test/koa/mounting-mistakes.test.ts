import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router from '@koa/router'
import Koa from 'koa'
import type { AuthX } from '../../src/index.js'
import { makeAuthX, serve } from '../support/app.js'

const MAKERS = [
  'middleware',
  'implicitRefresh',
  'jwks',
  'tokenRequired',
  'accessTokenRequired',
  'refreshTokenRequired',
  'freshTokenRequired',
  'scopesRequired',
  'anyScopeRequired',
  'subjectRequired',
  'policyRequired',
] as const satisfies readonly (keyof AuthX)[]

describe('a method that makes middleware, mounted without its parentheses', () => {
  for (const method of MAKERS) {
    test(`${method}: the route stays closed, and the app is told what to write`, async t => {
      const authx = makeAuthX()
      const router = new Router()
      let reached = false
      router.get('/', authx[method] as unknown as Koa.Middleware, ctx => {
        reached = true
        ctx.body = 'inside'
      })
      const app = new Koa().use(authx.middleware()).use(router.routes())
      const errors: unknown[] = []
      app.on('error', error => errors.push(error))
      const client = await serve(t, app)
      const Authorization = `Bearer ${authx.createAccessToken('test')}`
      assert.equal((await client({ headers: [['Authorization', Authorization]] })).status, 500)
      assert.equal(reached, false)
      assert.match(String(errors), new RegExp(`^TypeError: .*write authx\\.${method}\\(\\)`))
    })
  }
})

describe('a flow without await, as a body', () => {
  for (const [name, flow] of [
    ['login', (authx: AuthX, ctx: Koa.Context) => authx.login(ctx, 'test')],
    ['refresh', (authx: AuthX, ctx: Koa.Context) => authx.refresh(ctx)],
    ['createTokenPair', (authx: AuthX) => authx.createTokenPair('test')],
  ] as const) {
    test(`${name}: not a success with an empty body, but an error that says it`, async t => {
      const authx = makeAuthX()
      const app = new Koa().use(authx.middleware()).use(ctx => {
        ctx.body = flow(authx, ctx)
      })
      const errors: unknown[] = []
      app.on('error', error => errors.push(error))
      const client = await serve(t, app)
      const Authorization = `Bearer ${authx.createRefreshToken('test')}`
      const { status, text } = await client({ method: 'POST', headers: [['Authorization', Authorization]] })
      assert.deepEqual([status, text], [500, 'Internal Server Error'])
      assert.match(String(errors), new RegExp(`^TypeError: .*ctx\\.body = await authx\\.${name}\\(`))
    })
  }
})
