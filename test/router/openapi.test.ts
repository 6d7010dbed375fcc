import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router from '@koa/router'
import { Validator } from '@seriousme/openapi-schema-validator'
import { type AuthRouterOptions, authRouter, authRouterOpenapi } from 'koa-authx/router'
import type { AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, makeAuthX, type Sent, serve } from '../support/app.js'
import { JSON_TYPE, login } from './scene.js'

const routerOf = (options: AuthXOptions = {}, routes: AuthRouterOptions = { login }) =>
  authRouter(makeAuthX({ store: new MemoryTokenStore(), ...options }), routes)
const documentOf = (described: ReturnType<typeof authRouterOpenapi>) => {
  return { openapi: '3.1.0', info: { title: 'Test', version: '1' }, ...described }
}
type Document = ReturnType<typeof documentOf>

/** The references and names of security schemes that lead to nothing: the validator does not follow them. */
function dangling({ components, paths }: Document): string[] {
  const references = [...JSON.stringify(paths).matchAll(/"#\/components\/responses\/(\w+)"/g)].map(
    ([, name = '']) => name,
  )
  const operations = Object.values(paths).flatMap(each => Object.values(each))
  const names = operations.flatMap(({ security = [] }) => security.flatMap(each => Object.keys(each)))
  return [
    ...references.filter(name => !Object.hasOwn(components.responses, name)),
    ...names.filter(name => !Object.hasOwn(components.securitySchemes, name)),
  ]
}

const OPTIONS: Readonly<Record<string, AuthXOptions>> = {
  headers: {},
  cookies: { tokenLocation: ['cookies'] },
  'cookies that are checked by their origin': { tokenLocation: ['cookies'], csrfCheck: 'origin' },
  'JSON bodies': { tokenLocation: ['json'] },
  'all locations': { tokenLocation: ['headers', 'cookies', 'json', 'query'] },
  'headers, with a login type and another message key': { loginType: 'back office', errorMessageKey: 'msg' },
}

describe('a document of authRouterOpenapi', () => {
  const validator = new Validator()
  for (const [what, options] of Object.entries(OPTIONS)) {
    test(`is valid with tokens in ${what}`, async () => {
      for (const under of [undefined, '/auth', '/:tenant/auth']) {
        const document = documentOf(authRouterOpenapi(routerOf(options).prefix('/v1'), { under }))
        const { valid, errors } = await validator.validate(structuredClone(document))
        assert.ok(valid, JSON.stringify(errors))
        assert.deepEqual(dangling(document), [])
      }
    })
  }

  test('has every route of the router and no other, at its path', () => {
    for (const [routes, under] of [
      [{ login }, undefined],
      [{}, undefined],
      [{ login, paths: { login: '/sign-in', revoke: false, sessions: '/devices' } }, '/auth'],
      [{ login, paths: { sessions: false } }, '/:tenant'],
    ] as const) {
      const auth = routerOf({}, routes).prefix('/v1')
      const described = Object.entries(authRouterOpenapi(auth, { under }).paths).flatMap(([path, operations]) =>
        Object.keys(operations).map(method => `${method.toUpperCase()} ${path}`),
      )
      const there = auth.stack.map(({ methods, path }) => {
        const full = `${under ?? ''}${path}`.replaceAll(/:(\w+)/g, '{$1}')
        return `${methods.filter(method => method !== 'HEAD')} ${full}`
      })
      assert.deepEqual(described.sort(), there.sort())
    }
  })

  test('names each parameter of a path', () => {
    const { paths } = authRouterOpenapi(routerOf(), { under: '/:tenant' })
    const names = paths['/{tenant}/sessions/{sid}']?.delete?.parameters?.map(({ name }) => name)
    assert.deepEqual(names, ['tenant', 'sid'])
    assert.equal(authRouterOpenapi(routerOf()).paths['/login']?.post?.parameters, undefined)
  })

  test('describes what the server answers', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const auth = authRouter(authx, { login })
    const router = new Router().use('/auth', auth.routes())
    const client = await serve(t, appOf().use(router.routes()))
    const { paths } = authRouterOpenapi(auth, { under: '/auth' })
    const body = '{"username":"test","password":"test"}'
    const signIn = await client({ method: 'POST', path: '/auth/login', headers: [JSON_TYPE], body })
    const bad: readonly Sent[] = [
      {},
      { headers: [JSON_TYPE], body: '{' },
      { headers: [JSON_TYPE], body: JSON.stringify('x'.repeat(70_000)) },
      { headers: [['Content-Type', 'text/plain']], body: 'x' },
      { headers: [bearer(authx.createAccessToken('test', { scopes: ['notes'] }))] },
      { headers: [bearer(authx.createAccessToken('test'))] },
      { headers: [bearer(authx.createAccessToken('test', { fresh: true }))] },
      { headers: [bearer('none')] },
    ]
    for (const [template, operations] of Object.entries(paths)) {
      for (const [method, { responses }] of Object.entries(operations)) {
        for (const each of bad) {
          const sent = { ...each, method: method.toUpperCase(), path: template.replace('{sid}', 'none') }
          const { status } = await client(sent)
          assert.ok(String(status) in responses, `${method} ${template}: ${status}`)
        }
      }
    }
    const tokens = schemaIn(paths['/auth/login']?.post?.responses[200])
    for (const name of Object.keys(signIn.json)) assert.ok(name in tokens.properties, name)
    for (const name of tokens.required) assert.ok(name in signIn.json, name)
    const again = await client({ method: 'POST', path: '/auth/login', headers: [JSON_TYPE], body })
    const listed = await client({ path: '/auth/sessions', headers: [bearer(String(again.json.access_token))] })
    const { items } = schemaIn(paths['/auth/sessions']?.get?.responses[200])
    const [session] = JSON.parse(listed.text) as [object]
    assert.deepEqual(Object.keys(session).sort(), items?.required.sort())
  })

  interface Schema {
    required: string[]
    properties: Record<string, unknown>
    items?: Schema
  }
  const schemaIn = (response: unknown) =>
    (response as { content: Record<string, { schema: Schema }> }).content['application/json']?.schema as Schema

  test('is new at each call', () => {
    const auth = routerOf()
    const before = JSON.stringify(authRouterOpenapi(auth))
    const { paths } = authRouterOpenapi(auth)
    for (const operations of Object.values(paths)) {
      for (const { responses } of Object.values(operations))
        for (const name of Object.keys(responses)) delete responses[name]
    }
    assert.equal(JSON.stringify(authRouterOpenapi(auth)), before)
  })
})

describe('authRouterOpenapi refuses', () => {
  const WRONG: Readonly<Record<string, readonly unknown[]>> = {
    nothing: [],
    'another router': [new Router()],
    'an unknown option': [routerOf(), { prefix: '/auth' }],
    'a path with a slash at its end': [routerOf(), { under: '/auth/' }],
    'a path without a slash': [routerOf(), { under: 'auth' }],
    'a wildcard': [routerOf(), { under: '/*rest' }],
    'an optional part': [routerOf({}, { paths: { refresh: '/re{fresh}' } })],
  }
  for (const [what, args] of Object.entries(WRONG)) {
    test(what, () => {
      assert.throws(() => Reflect.apply(authRouterOpenapi, undefined, args), TypeError)
    })
  }
})
