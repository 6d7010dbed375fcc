import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router from '@koa/router'
import type Koa from 'koa'
import { appOf, bearer, makeAuthX, serve } from '../support/app.js'

const authx = makeAuthX()
const open: Koa.Middleware = ctx => {
  ctx.body = 'in'
}

/** The three ways to mount a guard that the documentation shows. All serve `/admin/users`. */
const MOUNTINGS: Record<string, () => Koa> = {
  'on the route itself': () => {
    const router = new Router()
    router.all('/admin/users', authx.accessTokenRequired(), open)
    return appOf(authx.middleware()).use(router.routes()) as unknown as Koa
  },
  'on the app': () => {
    const router = new Router()
    router.all('/admin/users', open)
    return appOf(authx.middleware(), authx.accessTokenRequired()).use(router.routes()) as unknown as Koa
  },
  'before the routes of a child router': () => {
    const [parent, child] = [new Router(), new Router()]
    child.all('/users', open)
    parent.use('/admin', authx.accessTokenRequired(), child.routes())
    return appOf(authx.middleware()).use(parent.routes()) as unknown as Koa
  },
}

const SPELLINGS = [
  '/admin/users',
  '/ADMIN/USERS',
  '/Admin/Users',
  '/admin/users/',
  '/ADMIN/users/',
  '//admin/users',
  '/admin//users',
  '/admin/users//',
  '/%61dmin/users',
  '/admin/%75sers',
  '/admin%2Fusers',
  '/%2e/admin/users',
  '/./admin/users',
  '/x/../admin/users',
  '/admin/users?',
  '/admin/users?a=b',
  '/admin/users;a=b',
  '/admin/users%00',
  '/admin/users%20',
  '/admin\\users',
  'http://127.0.0.1/admin/users',
]

describe('a protected path is protected in every spelling', () => {
  for (const [where, make] of Object.entries(MOUNTINGS)) {
    test(`with the guard ${where}`, async t => {
      const client = await serve(t, make())
      for (const path of SPELLINGS) {
        for (const method of ['GET', 'POST', 'OPTIONS', 'HEAD']) {
          const { status } = await client({ method, path })
          assert.ok([400, 401, 404].includes(status), `${method} ${path}: ${status}`)
        }
      }
      const headers = [bearer(authx.createAccessToken('test'))]
      for (const path of ['/admin/users', '/ADMIN/USERS', '/admin/users/']) {
        assert.equal((await client({ path })).status, 401, path)
        assert.equal((await client({ path, headers })).status, 200, path)
      }
    })
  }
})
