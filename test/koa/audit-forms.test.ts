import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router, { type RouterMiddleware, type RouterOptions } from '@koa/router'
import Koa from 'koa'
import { audit } from '../../src/index.js'
import { makeAuthX, serve } from '../support/app.js'

const authx = makeAuthX()
const guard = authx.accessTokenRequired()

/** Answers with the path of the route that it stands in, as the audit calls it. */
const open: RouterMiddleware = ctx => {
  ctx.body = `at ${ctx.routerPath}`
}

/** Made anew for each mounting: it serves `/users`, or what its parent makes of it. */
const child = (...before: RouterMiddleware[]) => new Router().get('/users', ...before, open)

const router = (options?: RouterOptions) => new Router(options)

/** Whether the guard stands before `GET /admin/users`, as the audit says: it holds, it is unsafe, or it is not seen. */
type Verdict = 'holds' | 'unsafe' | 'unprotected'

/** Each way to mount a guard for `/admin/users`. */
const FORMS: Record<string, [make: () => Router | Koa, verdict: Verdict]> = {
  'on the route': [() => router().get('/admin/users', guard, open), 'holds'],
  'on the route, in a router with a prefix': [() => router({ prefix: '/admin' }).get('/users', guard, open), 'holds'],
  'on the route, in a child': [() => router().use('/admin', child(guard).routes()), 'holds'],
  'on the route, after the handler': [() => router().get('/admin/users', open, guard), 'unprotected'],
  'on the app, before the router': [() => appWith(guard, router().get('/admin/users', open).routes()), 'holds'],
  'on the app, after the router': [() => appWith(router().get('/admin/users', open).routes(), guard), 'unprotected'],
  'between a path and a child': [() => router().use('/admin', guard, child().routes()), 'holds'],
  'after a child': [() => router().use('/admin', child().routes(), guard), 'unprotected'],
  'on a parent without path and prefix, before a child': [
    () => router().use(guard).use('/admin', child().routes()),
    'holds',
  ],
  'on a router without path and prefix': [() => router().use(guard).get('/admin/users', open), 'holds'],
  'on a router without path and prefix, after the route': [
    () => router().get('/admin/users', open).use(guard),
    'unprotected',
  ],
  'on a router, with the path': [() => router().use('/admin', guard).get('/admin/users', open), 'holds'],
  'on a router, with a list of paths': [
    () => router().use(['/other', '/admin'], guard).get('/admin/users', open),
    'holds',
  ],
  'on a router, with a part of the path that ends within a name': [
    () => router().use('/adm', guard).get('/admin/users', open),
    'unprotected',
  ],
  'on a router, with the path and a slash': [
    () => router().use('/admin/', guard).get('/admin/users', open),
    'unprotected',
  ],
  "on a router, with the path '/'": [() => router().use('/', guard).get('/admin/users', open), 'unprotected'],
  'on a router, with an empty path': [() => router().use('', guard).get('/admin/users', open), 'holds'],
  'on a router, with a parameter': [() => router().use('/:section', guard).get('/admin/users', open), 'holds'],
  'on a router, with a regular expression': [
    () =>
      router()
        .use(/^\/admin/, guard)
        .get('/admin/users', open),
    'unsafe',
  ],
  'on a router, with a regular expression that remembers': [
    () =>
      router()
        .use(/^\/admin/gi, guard)
        .get('/admin/users', open),
    'unsafe',
  ],
  'on a router that has a prefix': [() => router({ prefix: '/admin' }).use(guard).get('/users', open), 'unsafe'],
  'on a router that gets a prefix later': [() => router().use(guard).get('/users', open).prefix('/admin'), 'unsafe'],
  'on a child that is mounted under a path': [
    () => router().use('/admin', router().use(guard).get('/users', open).routes()),
    'unsafe',
  ],
  'on a child that is mounted without a path': [
    () => router().use(router().use(guard).get('/admin/users', open).routes()),
    'holds',
  ],
  'on a child with a path of its own, mounted under another': [
    () => router().use('/admin', router().use('/users', guard).get('/users', open).routes()),
    'holds',
  ],
  'on a grandchild, in a child mounted under a path': [
    () => router().use('/admin', router().use(router().use(guard).get('/users', open).routes()).routes()),
    'unsafe',
  ],
  'between a path and a child, on a parent that tells cases apart': [
    () => router({ sensitive: true }).use('/admin', guard, child().routes()),
    'unsafe',
  ],
  'between a path and a child, on an exclusive parent': [
    () => router({ exclusive: true }).use('/admin', guard, child().routes()),
    'unsafe',
  ],
  'on an exclusive router': [() => router({ exclusive: true }).use(guard).get('/admin/users', open), 'unsafe'],
  'on an earlier route of the same path': [
    () => router().all('/admin/users', guard).get('/admin/users', open),
    'holds',
  ],
  'on an earlier route of another method': [
    () => router().post('/admin/users', guard).get('/admin/users', open),
    'unprotected',
  ],
  'before a router in the handlers of a route': [
    () => router().all('/admin{/*rest}', guard, router().get('/admin/users', open).routes()),
    'holds',
  ],
  'after a router in the handlers of a route': [
    () => router().all('/admin{/*rest}', router().get('/admin/users', open).routes(), guard),
    'unprotected',
  ],
  'with optional: true': [
    () => router().get('/admin/users', authx.accessTokenRequired({ optional: true }), open),
    'unprotected',
  ],
  'in name only': [
    () =>
      router().get(
        '/admin/users',
        function accessTokenRequired(_, next) {
          return next()
        },
        open,
      ),
    'unprotected',
  ],
  'as middleware()': [() => appWith(authx.middleware(), router().get('/admin/users', open).routes()), 'unprotected'],
}

const SPELLINGS = [
  '/admin/users',
  '/ADMIN/USERS',
  '/Admin/users',
  '/admin/users/',
  '/ADMIN/users/',
  '//admin/users',
  '/admin//users',
  '/%61dmin/users',
  '/admin/%75sers',
  '/admin%2Fusers',
  '/./admin/users',
  '/x/../admin/users',
  '/admin/users?a=b',
  '/admin/users;a=b',
  'http://127.0.0.1/ADMIN/users',
]

function appWith(...middlewares: readonly unknown[]): Koa {
  const app = new Koa()
  app.silent = true
  for (const each of middlewares) app.use(each as Koa.Middleware)
  return app
}

const appOf = (mounted: Router | Koa) => (mounted instanceof Koa ? mounted : appWith(mounted.routes()))

function verdictOn(mounted: Router | Koa): Verdict {
  const { routes, unprotected, unsafe } = audit(mounted)
  const [route] = routes.filter(({ method, path }) => method === 'GET' && path === '/admin/users')
  assert.ok(route, 'the route is listed')
  assert.equal(unprotected.includes('GET /admin/users'), route.guards.length === 0)
  const isUnsafe = unsafe.some(({ routes: named }) => named.includes('GET /admin/users'))
  if (route.guards.length > 0) assert.ok(!isUnsafe)
  return route.guards.length > 0 ? 'holds' : isUnsafe ? 'unsafe' : 'unprotected'
}

describe('what the audit says of a guard is what a server does:', () => {
  for (const [where, [make, verdict]] of Object.entries(FORMS)) {
    test(`${where}, it ${verdict === 'holds' ? 'holds' : `is ${verdict}`}`, async t => {
      const mounted = make()
      assert.equal(verdictOn(mounted), verdict)
      const client = await serve(t, appOf(mounted))
      const passed: string[] = []
      // Twice: a regular expression may remember.
      for (const path of [...SPELLINGS, ...SPELLINGS]) {
        const { status } = await client({ path })
        assert.ok([200, 401, 404].includes(status), `${path}: ${status}`)
        if (status === 200) passed.push(path)
      }
      assert.equal(passed.length === 0, verdict === 'holds', `passed: ${passed.join(' ')}`)
    })
  }

  test('with an empty path, it does not hold for `OPTIONS *`, which has none', async t => {
    const mounted = router().use('', guard).all(/.*/, open)
    assert.deepEqual(audit(mounted).unprotected, ['ALL /.*/'])
    const client = await serve(t, appOf(mounted))
    assert.equal((await client({ method: 'OPTIONS', path: '*' })).status, 200)
    assert.equal((await client({ method: 'OPTIONS', path: '/' })).status, 401)
  })
})
