import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthManager, audit } from '../../src/index.js'
import { makeAuthX, TEST_SECRET } from '../support/app.js'

const authx = makeAuthX()
const guard = authx.accessTokenRequired()
const handler = () => {}

/** `u` sixty-one times or, with the flag `u`, an `a`. */
const ESCAPED = '^/\\u{61}'

/** What koa-compose and koa-mount do: one function of several. */
function compose(middlewares: readonly unknown[]): Koa.Middleware {
  const all = middlewares as readonly Koa.Middleware[]
  return (ctx, next) => all.reduceRight<Koa.Next>((inner, each) => async () => each(ctx, inner), next)()
}

/** An app of these, whatever their types. */
function appOf(...middlewares: readonly unknown[]): Koa {
  const app = new Koa()
  for (const each of middlewares) app.use(each as Koa.Middleware)
  return app
}

/** `GET /users: accessTokenRequired`, for each route. */
const lines = (target: Parameters<typeof audit>[0]) =>
  audit(target).routes.map(({ method, path, guards }) => `${method} ${path}: ${guards.join(', ')}`)

describe('audit lists', () => {
  test('what is open to everybody, in the order of registration', () => {
    const router = new Router()
    for (const path of ['/login', '/refresh', '/logout']) router.post(path, handler)
    router.get('/me', guard, handler).post('/me', guard, handler)
    const app = appOf(authx.middleware(), router.routes())
    assert.deepEqual(audit(app).unprotected, ['POST /login', 'POST /refresh', 'POST /logout'])
    assert.deepEqual(audit(app).unsafe, [])
    assert.deepEqual(audit(app).unseen, [])
    assert.deepEqual(audit(router).unprotected, audit(app).unprotected)
  })

  test('every kind of guard, with what it asks', () => {
    const router = new Router()
    router.get('/access', authx.accessTokenRequired({ locations: ['headers', 'cookies'] }), handler)
    router.get('/refresh', authx.refreshTokenRequired({ verifyCsrf: true }), handler)
    router.get('/fresh', authx.freshTokenRequired(), handler)
    router.get('/token', authx.tokenRequired({ type: 'refresh', verifyType: false, verifyFresh: undefined }), handler)
    router.get('/scopes', authx.scopesRequired('a', 'b:c'), authx.anyScopeRequired('d'), handler)
    router.get('/subject', authx.subjectRequired(), handler)
    router.get('/policy', authx.policyRequired('read', 'reports'), handler)
    router.get(
      '/policy/:id',
      authx.policyRequired('read', ctx => `reports:${ctx.params.id}`),
      handler,
    )
    assert.deepEqual(lines(router), [
      'GET /access: accessTokenRequired(locations: headers or cookies)',
      'GET /refresh: refreshTokenRequired(verifyCsrf: true)',
      'GET /fresh: freshTokenRequired',
      'GET /token: tokenRequired(type: refresh, verifyType: false)',
      'GET /scopes: scopesRequired(a, b:c), anyScopeRequired(d)',
      'GET /subject: subjectRequired',
      'GET /policy: policyRequired(read, reports)',
      'GET /policy/:id: policyRequired(read)',
    ])
    assert.deepEqual(audit(router).unprotected, [])
  })

  test('the login type before what a guard of it asks, those of a manager included', () => {
    const [user, admin] = ['user', 'admin'].map(loginType => makeAuthX({ loginType }))
    assert.ok(user && admin)
    const manager = new AuthManager({ user, admin })
    const router = new Router()
    router.get('/own', user.accessTokenRequired(), handler)
    router.get('/access', manager.accessTokenRequired('admin'), handler)
    router.get('/refresh', manager.refreshTokenRequired('user'), handler)
    router.get('/fresh', manager.freshTokenRequired('admin'), handler)
    router.get('/token', manager.tokenRequired('admin', { type: 'refresh' }), handler)
    router.get('/scopes', manager.scopesRequired('admin', 'a'), manager.anyScopeRequired('admin', 'b'), handler)
    router.get('/subject', manager.subjectRequired('user'), handler)
    router.get('/policy', manager.policyRequired('admin', 'read', 'reports'), handler)
    router.get('/optional', manager.accessTokenRequired('admin', { optional: true }), handler)
    const app = appOf(manager.middleware(), user.middleware(), router.routes())
    assert.deepEqual(lines(app), [
      'GET /own: user: accessTokenRequired',
      'GET /access: admin: accessTokenRequired',
      'GET /refresh: user: refreshTokenRequired',
      'GET /fresh: admin: freshTokenRequired',
      'GET /token: admin: tokenRequired(type: refresh)',
      'GET /scopes: admin: scopesRequired(a), admin: anyScopeRequired(b)',
      'GET /subject: user: subjectRequired',
      'GET /policy: admin: policyRequired(read, reports)',
      'GET /optional: ',
    ])
    const open = ['middleware', 'user: middleware', 'admin: accessTokenRequired(optional: true)']
    assert.deepEqual(audit(app).routes.at(-1)?.open, open)
  })

  test('what recognises a token and refuses nobody apart from the guards', () => {
    const router = new Router()
    router.get('/news', authx.accessTokenRequired({ optional: true }), handler)
    router.get('/me', authx.tokenRequired({ optional: false }), handler)
    const { routes, unprotected } = audit(appOf(authx.middleware(), router.routes()))
    assert.deepEqual(routes, [
      {
        method: 'GET',
        path: '/news',
        guards: [],
        open: ['middleware', 'accessTokenRequired(optional: true)'],
        before: [],
      },
      { method: 'GET', path: '/me', guards: ['tokenRequired(optional: false)'], open: ['middleware'], before: [] },
    ])
    assert.deepEqual(unprotected, ['GET /news'])
  })

  test('routes however they are written: methods, names, lists, regular expressions, redirects, prefixes, hosts', () => {
    const router = new Router({ host: 'api.example' })
    router.get('/get', handler).head('/head', handler).all('/all', handler).get('name', '/named', handler)
    router
      .get(['/one', '/two'], handler)
      .get(/^\/re\d+$/, handler)
      .redirect('/old', '/new')
    router.register('/several', ['get', 'head', 'put'], handler)
    router.prefix('/v1')
    const found = audit(appOf(router.routes()))
    assert.deepEqual(found.unprotected, [
      'GET /v1/get',
      'HEAD /v1/head',
      'ALL /v1/all',
      'GET /v1/named',
      'GET /v1/one',
      'GET /v1/two',
      'GET /^\\/re\\d+$/',
      'ALL /v1/old',
      'GET /v1/several',
      'PUT /v1/several',
    ])
    assert.ok(found.routes.every(({ host }) => host === 'api.example'))
    assert.ok(!('host' in (audit(new Router().get('/', handler)).routes[0] ?? {})))
  })

  test('the guards of the app before those of the router and of the route, each once', () => {
    const router = new Router().use(authx.scopesRequired('a')).get('/x', guard, authx.freshTokenRequired(), handler)
    const [route] = audit(appOf(guard, router.routes())).routes
    assert.deepEqual(route?.guards, ['accessTokenRequired', 'scopesRequired(a)', 'freshTokenRequired'])
  })

  test('a router that is mounted twice once, unless it is guarded only the second time', () => {
    const router = new Router().get('/x', handler)
    assert.equal(audit(appOf(router.routes(), router.routes())).routes.length, 1)
    const found = audit(appOf(router.routes(), guard, router.routes()))
    assert.deepEqual(
      found.routes.map(({ guards }) => guards),
      [[], ['accessTokenRequired']],
    )
    assert.deepEqual(found.unprotected, ['GET /x'])
  })

  test('what runs before the first guard of a route, and nothing where another guard stands before that', () => {
    const parseBody: Koa.Middleware = (_, next) => next()
    const router = new Router()
    router.param('id', (_id, _ctx, next) => next())
    router.post('/x/:id', parseBody, authx.accessTokenRequired({ optional: true }), guard, parseBody, handler)
    router.get('/y', (_, next) => next(), handler)
    assert.deepEqual(
      audit(router).routes.map(({ before }) => before),
      [['param(id)', 'parseBody'], []],
    )
    const [route] = audit(appOf(guard, router.routes())).routes
    assert.deepEqual(route?.before, [])
  })

  test('the functions on the app that nobody can look into, until a guard stands before them', () => {
    const logger: Koa.Middleware = (_, next) => next()
    const router = new Router().get('/x', handler)
    const app = appOf(logger, compose([guard, router.routes()]), router.allowedMethods(), guard, logger)
    assert.deepEqual(audit(app), {
      routes: [],
      unprotected: [],
      unsafe: [],
      unseen: ['logger', '(anonymous)', '(anonymous)'],
    })
  })

  test('one guard that is not safe once, with all that it does not protect and a path that gets past it', () => {
    const router = new Router({ prefix: '/admin' })
    router.use(authx.scopesRequired('admin'), guard)
    router.get('/users', handler).post('/users', handler).get('/own', guard, handler)
    const { unprotected, unsafe } = audit(router)
    assert.deepEqual(unprotected, ['GET /admin/users', 'POST /admin/users'])
    const routes = ['GET /admin/users', 'POST /admin/users', 'GET /admin/own']
    assert.deepEqual(
      unsafe.map(({ why, ...rest }) => rest),
      [
        { path: '/admin', guard: 'scopesRequired(admin)', routes },
        { path: '/admin', guard: 'accessTokenRequired', routes },
      ],
    )
    for (const { why } of unsafe) assert.match(why, /\/ADMIN\/USERS$/)
  })
})

describe('audit does not take for a guard', () => {
  const unseen: Record<string, Koa.Middleware> = {
    'a function of its name': function accessTokenRequired(_, next) {
      return next()
    },
    'a guard within another function': (ctx, next) => guard(ctx as never, next),
    'a composition of guards': compose([guard]),
    'a guard that is bound': (guard as () => void).bind(undefined) as Koa.Middleware,
    'a function with the properties of a guard': Object.assign(((_, next) => next()) as Koa.Middleware, guard),
  }
  for (const [what, middleware] of Object.entries(unseen)) {
    test(what, () => {
      assert.deepEqual(audit(new Router().get('/x', middleware, handler)).unprotected, ['GET /x'])
      assert.deepEqual(audit(appOf(middleware, new Router().get('/x', handler).routes())).unprotected, ['GET /x'])
    })
  }

  test('the guard of another route', () => {
    const router = new Router()
    router.get('/x', guard, handler).post('/x', handler).get('/:name', guard, handler).get('/y', handler)
    const { unprotected, unsafe } = audit(router)
    assert.deepEqual(unprotected, ['POST /x', 'GET /y'])
    assert.deepEqual(unsafe, [])
  })

  test('what is mounted for other paths, and does not call that unsafe', () => {
    const router = new Router().use('/admin', guard).post('/login', handler).get('/:page', handler)
    const { unprotected, unsafe } = audit(router)
    assert.deepEqual(unprotected, ['POST /login', 'GET /:page'])
    assert.deepEqual(unsafe, [])
  })
})

describe('audit sees that a guard covers', () => {
  const covered: [mounted: string | RegExp, route: string | RegExp][] = [
    ['/t/:tenant', '/t/:tenant/users'],
    ['/t/:tenant', '/t/:id/users'],
    ['/t/:tenant', '/t/acme/users'],
    ['/files', '/files/*path'],
    ['/files', '/files{/:name}'],
    ['/files', '/files{/:name}{/*rest}'],
    ['/a.b-c~d', '/a.b-c~d/e'],
    [/^\/a/i, /^\/a/],
  ]
  for (const [mounted, route] of covered) {
    test(`${route} where it is mounted at ${mounted}`, () => {
      const router = new Router().use(mounted as string, guard).get(route as string, handler)
      assert.deepEqual(audit(router).unprotected, [])
    })
  }

  const open: [mounted: string | RegExp, route: string | RegExp][] = [
    ['/files', '/files{/:name}.txt'],
    ['/files', '/files-:name'],
    ['/t/acme', '/t/:tenant/users'],
    ['/t/:tenant', '/t/*rest'],
    ['/t/:tenant/x', '/t{/:tenant}/x'],
    ['/a/b', '/a'],
    ['/:a-:b', '/:c'],
    ['/files', '/files\\:list'],
    ['/files/', '/files/list'],
    [/^\/a/, /^\/a/i],
    [/^\/a/g, /^\/a/g],
    [new RegExp(ESCAPED), new RegExp(ESCAPED, 'u')],
    [/^\/a/, /^\/a\/b/],
    // `OPTIONS *` has no path, and gets to what takes anything.
    ['', /.*/],
    ['', '*all'],
  ]
  for (const [mounted, route] of open) {
    test(`not ${route} where it is mounted at ${mounted}`, () => {
      const router = new Router().use(mounted as string, guard).get(route as string, handler)
      assert.deepEqual(audit(router).unprotected, [`GET ${route}`])
    })
  }
})

describe('audit', () => {
  test('leaves the app as it was', () => {
    const regexp = /^\/x/g
    const router = new Router().use(regexp, guard).get(/^\/x/g, handler)
    audit(appOf(router.routes()))
    assert.equal(regexp.lastIndex, 0)
    assert.equal(router.match('/x', 'GET').route, true)
  })

  test('says what to pass if it is given something else', () => {
    const router = new Router().get('/x', handler)
    const server = createServer()
    const others = [undefined, null, 'app', 1, {}, [], authx, TEST_SECRET, server, router.routes(), { stack: [{}] }]
    for (const wrong of others) {
      assert.throws(() => audit(wrong as never), { name: 'TypeError', message: /audit\(app\)/ })
    }
  })
})
