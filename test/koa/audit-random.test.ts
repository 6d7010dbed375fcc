import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router, { type RouterOptions } from '@koa/router'
import fc from 'fast-check'
import Koa from 'koa'
import { type Audit, audit } from '../../src/index.js'
import { type Client, makeAuthX, serve } from '../support/app.js'

const authx = makeAuthX()

/** Functions that are no handler. */
const OTHERS = {
  guard: authx.accessTokenRequired() as Koa.Middleware,
  optional: authx.accessTokenRequired({ optional: true }) as Koa.Middleware,
  passing: ((_, next) => next()) as Koa.Middleware,
  /** What `.use` mounts, and answers by itself. */
  answering: function answering(ctx) {
    ctx.body = 'answering'
  } as Koa.Middleware,
}
type Other = keyof typeof OTHERS

type Item =
  | { kind: 'route'; method: 'get' | 'post' | 'all'; path: string | RegExp; before: Other[]; after: Other[] }
  | { kind: 'use'; path: string | RegExp | string[] | undefined; what: Other }
  | { kind: 'register'; path: string; guarded: boolean; options: { pathAsRegExp?: boolean; end?: boolean } }
  | { kind: 'event'; guarded: boolean }
  | { kind: 'param'; name: string }
  | { kind: 'mount'; path: string | undefined; guarded: boolean; inner: Spec }
  | { kind: 'nest'; path: string; before: Other[]; guarded: boolean; inner: Spec }

interface Spec {
  options: RouterOptions
  items: Item[]
  /** Set when all is mounted. */
  latePrefix: string | undefined
}

const path = fc.constantFrom(
  '/',
  '/a',
  '/a/b',
  '/A',
  '/a/',
  '/:p',
  '/:p/b',
  '/a/:q',
  '/:p/:q',
  '/a{/b}',
  '/*w',
  '{/*w}',
)
const prefix = fc.constantFrom('/', '/a', '/b', '/:t', '/a/b')
const pattern = () => fc.constantFrom('^\\/a', '^\\/A', 'b$', '.*', '^\\/[^a]', '^\\/(?!a)').chain(toRegExp)
/** Regular expressions in strings: they match anywhere. */
const expression = fc.constantFrom('/a', '/a/b', '/b', '/', '(?:/|$)', '([^/]*)', '{/*rest}', '^/a')
const toRegExp = (source: string) => fc.constantFrom('', 'i', 'g').map(flags => new RegExp(source, flags))
const options = fc.record(
  { prefix, sensitive: fc.boolean(), strict: fc.boolean(), exclusive: fc.constantFrom(false, false, false, true) },
  { requiredKeys: [] },
)

const { spec } = fc.letrec<{ spec: Spec; item: Item }>(tie => {
  const inner = { guarded: fc.boolean(), inner: tie('spec') }
  const route = fc.record({
    kind: fc.constant('route'),
    method: fc.constantFrom('get', 'post', 'all'),
    path: fc.oneof({ weight: 6, arbitrary: path }, { weight: 1, arbitrary: pattern() }),
    before: fc.array(fc.constantFrom<Other>('guard', 'optional', 'passing', 'passing'), { maxLength: 2 }),
    after: fc.array(fc.constant<Other>('guard'), { maxLength: 1 }),
  })
  const use = fc.record({
    kind: fc.constant('use'),
    path: fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      { weight: 6, arbitrary: path },
      { weight: 1, arbitrary: fc.constantFrom('', ['/a', '/:p']) },
      { weight: 1, arbitrary: pattern() },
    ),
    what: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom<Other>('guard', 'guard', 'optional') },
      { weight: 1, arbitrary: fc.constant<Other>('answering') },
    ),
  })
  const register = fc.record({
    kind: fc.constant('register'),
    path: fc.oneof(expression, path),
    guarded: fc.boolean(),
    options: fc.record({ pathAsRegExp: fc.boolean(), end: fc.boolean() }, { requiredKeys: [] }),
  })
  const event = fc.record({ kind: fc.constant('event'), guarded: fc.boolean() })
  const param = fc.record({ kind: fc.constant('param'), name: fc.constantFrom('p', 'q', 't', 'w') })
  const mount = fc.record({ kind: fc.constant('mount'), path: fc.option(path, { nil: undefined }), ...inner })
  const before = fc.array(fc.constantFrom<Other>('passing', 'passing', 'answering'), { maxLength: 1 })
  const nest = fc.record({ kind: fc.constant('nest'), path, before, ...inner })
  return {
    spec: fc.record({
      options,
      items: fc.array(tie('item'), { minLength: 1, maxLength: 5 }),
      latePrefix: fc.option(prefix, { nil: undefined, freq: 8 }),
    }),
    item: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      { weight: 4, arbitrary: route },
      { weight: 4, arbitrary: use },
      { weight: 2, arbitrary: mount },
      { weight: 1, arbitrary: nest },
      { weight: 2, arbitrary: register },
      { weight: 1, arbitrary: event },
      { weight: 1, arbitrary: param },
    ) as fc.Arbitrary<Item>,
  }
})

function routerOf({ options, items, latePrefix }: Spec): Router {
  const router = new Router({ ...options })
  for (const item of items) add(router, item)
  if (latePrefix !== undefined) router.prefix(latePrefix)
  return router
}

function add(router: Router, item: Item): void {
  const used = (path: unknown) => (path === undefined ? [] : [path]) as [string]
  if (item.kind === 'route') {
    const stack = [...item.before.map(each => OTHERS[each]), answer(), ...item.after.map(each => OTHERS[each])]
    router[item.method](item.path as string, ...(stack as []))
    return
  }
  if (item.kind === 'use') {
    router.use(...used(item.path), OTHERS[item.what] as never)
    return
  }
  if (item.kind === 'param') {
    router.param(item.name, (_value, ctx) => {
      ctx.body = `param(${item.name}) ${String(ctx.routerPath)}`
    })
    return
  }
  const guards = item.guarded ? [OTHERS.guard] : []
  if (item.kind === 'event') {
    for (const each of [...guards, says('(not-found)')]) router.on('not-found', each as never)
    return
  }
  if (item.kind === 'register') {
    router.register(item.path, ['get'], [...guards, answer()] as never, item.options as never)
    return
  }
  const before = item.kind === 'nest' ? item.before.map(each => OTHERS[each]) : []
  const stack = [...before, ...guards, routerOf(item.inner).routes()] as [never]
  if (item.kind === 'mount') router.use(...used(item.path), ...stack)
  else router.all(item.path, ...stack)
}

/** A handler that says which route it stands in, as the audit calls it. */
function answer(): Koa.Middleware {
  return ctx => {
    ctx.body = String(ctx.routerPath)
  }
}

function says(text: string): Koa.Middleware {
  return ctx => {
    ctx.body = text
  }
}

const SEGMENTS = ['a', 'A', '%61', 'b', 'B', 'x', '']
const REQUESTS = [
  '/',
  '*',
  'x://y',
  ...SEGMENTS.flatMap(one => [`/${one}`, ...SEGMENTS.flatMap(two => [`/${one}/${two}`, `/a/${one}/${two}`])]),
  '/a/b/a/b',
  '/A/b/a/B/',
  '/x/a/b/x',
  '/b/A/b',
]

/** Routes that answered somebody without a token. */
async function openRoutes(client: Client): Promise<Set<string>> {
  const found = new Set<string>()
  for (const path of REQUESTS) {
    const methods = path === '*' ? ['OPTIONS'] : ['GET', 'POST']
    for (const method of methods) {
      const { status, text } = await client({ method, path })
      if (status === 200) found.add(`${method} ${text}`)
    }
  }
  return found
}

/** `undefined` if the router refuses to be put together like this. */
function appOf({ guarded, specs }: { guarded: number; specs: readonly Spec[] }): Koa | undefined {
  const app = new Koa()
  app.silent = true
  try {
    for (const [place, each] of specs.entries()) {
      if (place === guarded) app.use(OTHERS.guard)
      app.use(routerOf(each).routes() as never)
    }
    return app
  } catch {
    return undefined
  }
}

/** Whether a test that asks for empty lists, as docs/audit.md shows it, fails for what has answered. */
function isTold(open: string, { unprotected, unsafe, unseen, routes }: Audit): boolean {
  const [method = '', who = '', path] = open.split(' ')
  if (who === 'answering') return unseen.includes(who) || routes.some(({ before }) => before.includes(who))
  if (path === undefined) return [method, 'ALL'].some(each => unprotected.includes(`${each} ${who}`))
  const isUnsafe = unsafe.some(({ why, routes }) => why.startsWith(who) && routes.some(each => each.endsWith(path)))
  return isUnsafe || unseen.includes(who) || [method, 'ALL'].some(each => unprotected.includes(`${each} ${path}`))
}

describe('the audit', () => {
  test('never calls a route protected that a server answers without a token, however routers are put together', async t => {
    const seen = { open: 0, protected: 0 }
    const apps = fc.record({ guarded: fc.nat(6), specs: fc.array(spec, { minLength: 1, maxLength: 2 }) })
    const property = fc.asyncProperty(apps, async made => {
      const app = appOf(made)
      fc.pre(app !== undefined)
      const found = audit(app)
      const { routes } = found
      const answering = await openRoutes(await serve(t, app))
      for (const open of answering) {
        assert.ok(isTold(open, found), `${open} is open, and the audit says ${JSON.stringify(found)}`)
      }
      seen.open += answering.size
      seen.protected += routes.filter(({ guards }) => guards.length > 0).length
    })
    await fc.assert(property, { numRuns: 40 })
    assert.ok(seen.open > 0 && seen.protected > 0, 'there was something to be wrong about')
  })
})
