import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router, { createParameterValidationMiddleware, type RouterMiddleware } from '@koa/router'
import type Koa from 'koa'
import { audit } from '../../src/index.js'
import { appOf, makeAuthX, type Sent, serve } from '../support/app.js'

const authx = makeAuthX()
const guard = authx.accessTokenRequired() as RouterMiddleware

/** Answers by itself, whoever asks. */
const answers: RouterMiddleware = function answers(ctx) {
  ctx.body = 'open'
}
const answersParam: Parameters<Router['param']>[1] = (_value, ctx) => {
  ctx.body = 'open'
}
const router = (options?: ConstructorParameters<typeof Router>[0]) => new Router(options)

/** The lists that a test as docs/audit.md shows it asks to be empty. */
function findings(target: Parameters<typeof audit>[0]) {
  const { unprotected, unsafe, unseen, routes } = audit(target)
  return { unprotected, unsafe, unseen, before: routes.flatMap(({ before }) => before) }
}

/** Something that answers before, or beside, a guard that looks as if it stood in front. */
const OPEN: Readonly<Record<string, readonly [make: () => Router, sent: Sent, told: string]>> = {
  "a handler of router.on('not-found') behind .use(guard)": [
    () => router().use(guard).get('/x', guard, answers).on('not-found', answers),
    { path: '/nowhere' },
    'unprotected ALL (not-found)',
  ],
  'the same, chosen by a function': [
    () =>
      router()
        .use(guard)
        .on(events => events.NotFound, answers),
    { path: '/nowhere' },
    'unprotected ALL (not-found)',
  ],
  'a handler of not-found before one that is a guard': [
    () => router().on('not-found', answers).on('not-found', guard),
    {},
    'unprotected ALL (not-found)',
  ],
  'a handler of not-found of a router in the handlers of a route': [
    () => router().all('/x{/*rest}', router().use(guard).on('not-found', answers).routes() as never),
    { path: '/x' },
    'unprotected ALL (not-found)',
  ],
  'a regular expression in a string, behind .use(path, guard)': [
    () => {
      const made = router().use('/admin', guard)
      made.register('/admin/x', ['get'], answers, { pathAsRegExp: true })
      return made
    },
    { path: '/other/admin/x' },
    'unprotected GET /admin/x',
  ],
  'the same, in a router of such strings': [
    () => {
      const made = router({ pathAsRegExp: true } as never).use('/admin', guard)
      made.register('/admin/x', ['get'], answers)
      return made
    },
    { path: '/other/admin/x' },
    'unprotected GET /admin/x',
  ],
  'a regular expression in a string that reads like what .use(guard) writes': [
    () => {
      const made = router()
      made.register('{/*rest}', [], guard, { pathAsRegExp: true, end: false })
      return made.get(/^\/x/, answers)
    },
    { path: '/x' },
    'unprotected GET /^\\/x/',
  ],
  'an expression that excludes a letter, behind the same one that does not tell cases apart': [
    () =>
      router()
        .use(/^\/[^a]/i, guard)
        .get(/^\/[^a]/, answers),
    { path: '/A' },
    'unprotected GET /^\\/[^a]/',
  ],
  'a handler of router.param before the guard of its route': [
    () => router().param('id', answersParam).get('/x/:id', guard, answers),
    { path: '/x/1' },
    'unsafe accessTokenRequired at /x/:id: param(id) of the router runs before it and may send a response',
  ],
  'a handler of router.param, given after the route': [
    () => router().get('/x/:id', guard, answers).param('id', answersParam),
    { path: '/x/1' },
    'unsafe accessTokenRequired at /x/:id: param(id) of the router runs before it and may send a response',
  ],
  'a handler of router.param of a parent': [
    () =>
      router()
        .param('id', answersParam)
        .use(router().get('/x/:id', guard, answers).routes()),
    { path: '/x/1' },
    'unsafe accessTokenRequired at /x/:id: param(id) of the router runs before it and may send a response',
  ],
  'a handler of router.param before a guard that .use mounts': [
    () => router().param('id', answersParam).use('/x/:id', guard).get('/x/:id/y', answers),
    { path: '/x/1/y' },
    'unsafe accessTokenRequired at /x/:id: param(id) of the router runs before it and may send a response',
  ],
  'a function that .use mounts before the guard of a route': [
    () => router().use(answers).get('/x', guard, answers),
    { path: '/x' },
    'unseen answers',
  ],
  'a function that .use mounts for a path, before a guard': [
    () => router().use('/x', answers).use(guard).get('/x', answers),
    { path: '/x' },
    'unseen answers',
  ],
  'a function beside the routes of a child, before the guard': [
    () => router().use('/x', answers, guard, router().get('/', answers).routes() as never),
    { path: '/x' },
    'unseen answers',
  ],
  'a function before a router in the handlers of a route': [
    () => router().all('/x{/*rest}', answers, router().get('/x', guard, answers).routes() as never),
    { path: '/x' },
    'unseen answers',
  ],
  'a function of an exclusive router behind a guard': [
    () => router({ exclusive: true }).get('/x', guard, answers).use(guard).use(answers),
    { path: '/x' },
    'unseen answers',
  ],
  'a function that .use mounts behind the guard of a route of one method': [
    () =>
      router()
        .get('/x', guard, (_, next) => next())
        .use('/x', answers)
        .post('/x', guard, answers),
    { method: 'POST', path: '/x' },
    'unseen answers',
  ],
  'a function of the route before its guard': [
    () => router().get('/x', answers, guard, answers),
    { path: '/x' },
    'before answers',
  ],
}

describe('a test that asks for empty lists fails for what answers without a token:', () => {
  for (const [what, [make, sent, told]] of Object.entries(OPEN)) {
    test(what, async t => {
      const made = make()
      const app = appOf(made.routes() as never)
      const client = await serve(t, app)
      assert.equal((await client(sent)).text, 'open')
      for (const target of [made, app]) {
        const { unprotected, unsafe, unseen, before } = findings(target)
        const lines = [
          ...unprotected.map(each => `unprotected ${each}`),
          ...unsafe.map(({ guard, path, why }) => `unsafe ${guard} at ${path}: ${why}`),
          ...unseen.map(each => `unseen ${each}`),
          ...before.map(each => `before ${each}`),
        ]
        assert.ok(lines.includes(told), lines.join('\n'))
      }
    })
  }
})

/** What stands behind a guard in every way that the router knows. */
const GUARDED: Readonly<Record<string, () => Router | Koa>> = {
  'handlers of not-found behind a guard of the app': () =>
    appOf(guard as never, router().on('not-found', answers).routes() as never),
  'handlers of not-found behind one that is a guard': () =>
    router().on('not-found', guard).on('not-found', answers).on('not-found', answers),
  'handlers of not-found of a child, which never run': () =>
    router().use('/x', router().get('/', guard, answers).on('not-found', answers).routes()),
  'handlers of router.param behind a guard of the parent': () =>
    router().use('/x', guard, router().param('id', answersParam).get('/:id', answers).routes() as never),
  'handlers of router.param behind a guard of the router': () =>
    router().param('id', answersParam).use(guard).get('/x/:id', answers),
  'handlers of router.param of other routes': () => router().param('id', answersParam).get('/x', guard, answers),
  'functions behind a guard that .use mounts': () =>
    router().use(guard).use(answers).use('/x', answers).get('/x', answers),
  'functions below the path of a guard': () => router().use('/x', guard).use('/x/y', answers).get('/x/y/z', answers),
  'functions beside the routes of a child, behind the guard': () =>
    router().use('/x', guard, answers, router().get('/', answers).routes() as never),
  'functions behind a guard in the handlers of a route': () =>
    router().all('/x{/*rest}', guard, answers, router().get('/x', answers).routes() as never),
  'an expression that excludes no letter, behind the same one that does not tell cases apart': () =>
    router()
      .use(/^\/a\/[^/]+/i, guard)
      .get(/^\/a\/[^/]+/, answers),
}

describe('a test that asks for empty lists passes where a guard stands before all:', () => {
  for (const [what, make] of Object.entries(GUARDED)) {
    test(what, async t => {
      const made = make()
      assert.deepEqual(findings(made), { unprotected: [], unsafe: [], unseen: [], before: [] })
      const client = await serve(t, made instanceof Router ? appOf(made.routes() as never) : made)
      for (const path of ['/', '/x', '/x/1', '/x/y', '/x/y/z', '/a/b', '/A/b', '/nowhere', '//', '/X/Y/Z']) {
        for (const method of ['GET', 'POST', 'OPTIONS']) {
          assert.ok([401, 404].includes((await client({ method, path })).status), `${method} ${path}`)
        }
      }
    })
  }
})

describe('the audit', () => {
  test('names a handler of router.param once for each guard, with all routes', () => {
    const made = router().param('id', createParameterValidationMiddleware('id', /^\d+$/) as never)
    made.get('/x/:id', guard, answers).put('/x/:id', guard, answers)
    assert.deepEqual(audit(made).unsafe, [
      {
        path: '/x/:id',
        guard: 'accessTokenRequired',
        why: 'param(id) of the router runs before it and may send a response',
        routes: ['GET /x/:id', 'PUT /x/:id'],
      },
    ])
  })

  test('names a function that is mounted several times once', () => {
    const made = router()
      .param('id', answersParam)
      .use('/a/:id', answers)
      .use('/b/:id', answers)
      .get('/c', guard, answers)
    assert.deepEqual(audit(made).unseen, ['param(id)', 'answers'])
  })

  test('lists a handler of not-found once, with its guards', () => {
    const made = router().on('not-found', guard).on('not-found', answers)
    assert.deepEqual(audit(made).routes, [
      { method: 'ALL', path: '(not-found)', guards: ['accessTokenRequired'], open: [], before: [] },
    ])
  })
})
