import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router from '@koa/router'
import { Validator } from '@seriousme/openapi-schema-validator'
import { koaBody } from 'koa-body'
import type {
  AuthX,
  AuthXOptions,
  OpenApiComponents,
  OpenApiSecurity,
  TokenLocation,
  TokenType,
} from '../../src/index.js'
import * as library from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, type Client, cookie, makeAuthX, type Sent, serve, TEST_SECRET } from '../support/app.js'

const LOCATIONS: readonly TokenLocation[] = ['headers', 'cookies', 'json', 'query']

/** Every way to choose some of the locations. */
const CHOICES = Array.from({ length: 2 ** LOCATIONS.length - 1 }, (_, n) =>
  LOCATIONS.filter((_location, bit) => (n + 1) & (1 << bit)),
)

/** What changes the description besides the locations. */
const VARIANTS: Readonly<Record<string, AuthXOptions>> = {
  'as it is': {},
  'with names of its own': {
    headerName: 'X-Token',
    headerType: 'JWT',
    accessCookieName: 'access',
    refreshCookieName: 'refresh',
    accessCsrfHeaderName: 'X-Access-CSRF',
    refreshCsrfHeaderName: 'X-Refresh-CSRF',
    queryStringName: 'jwt',
  },
  'without a scheme': { headerType: '' },
  'in another header': { headerName: 'X-Token' },
  'with another scheme': { headerType: 'Token' },
  'with a scheme in other letters': { headerName: 'AUTHORIZATION', headerType: 'bearer' },
  'without CSRF protection': { cookieCsrfProtect: false },
  'with CSRF values in bodies': { csrfInCookies: false },
  'with CSRF for PUT only': { csrfMethods: ['PUT'] },
  'with a login type': { loginType: 'back office' },
}

const OPERATIONS: readonly (readonly [path: string, method: string, type: TokenType, verifyCsrf?: boolean])[] = [
  ['/access', 'get', 'access'],
  ['/access', 'post', 'access'],
  ['/access', 'put', 'access'],
  ['/refresh', 'post', 'refresh', true],
]

function instanceOf(access: readonly TokenLocation[], options: AuthXOptions = {}): AuthX {
  return makeAuthX({
    // Of refresh tokens a plain list would leave `query` out.
    tokenLocation: { access, refresh: access },
    cookieSecure: false,
    store: new MemoryTokenStore(),
    ...options,
  })
}

const securityOf = (authx: AuthX, [, method, type, verifyCsrf]: (typeof OPERATIONS)[number]) =>
  authx.openapiSecurity(method, { type, ...(verifyCsrf !== undefined && { verifyCsrf }) })

/** A whole document that uses everything that is described. */
function documentOf(authx: AuthX) {
  const components = authx.openapi()
  const refused = Object.fromEntries(
    Object.keys(components.responses).map((name, n) => [String(400 + n), { $ref: `#/components/responses/${name}` }]),
  )
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of OPERATIONS) {
    const [path, method] = operation
    const responses = { 200: { description: 'In.' }, ...refused }
    paths[path] = { ...paths[path], [method]: { security: securityOf(authx, operation), responses } }
  }
  return { openapi: '3.1.0', info: { title: 'Test', version: '1' }, components, paths }
}

/** The names and references of a document that lead to nothing: the validator does not follow them. */
function dangling(document: ReturnType<typeof documentOf>): string[] {
  const { components } = document
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)]
  const missing = references.filter(
    ([, kind = '', name = '']) => !Object.hasOwn(components[kind as keyof OpenApiComponents] ?? {}, name),
  )
  const named = OPERATIONS.flatMap(([path, method]) => {
    const operation = document.paths[path]?.[method] as { security: OpenApiSecurity }
    return operation.security.flatMap(each => Object.keys(each))
  })
  const unknown = named.filter(name => !Object.hasOwn(components.securitySchemes, name))
  return [...missing.map(([reference]) => reference), ...unknown]
}

describe('a document with the components of an instance', () => {
  // It compiles its schema once, which takes a while.
  const validator = new Validator()

  for (const [what, options] of Object.entries(VARIANTS)) {
    test(`is valid ${what}, whatever the locations`, async () => {
      for (const locations of CHOICES) {
        const document = documentOf(instanceOf(locations, options))
        const { valid, errors } = await validator.validate(document)
        assert.ok(valid, `${locations}: ${JSON.stringify(errors)}`)
        assert.deepEqual(dangling(document), [], `${locations}`)
      }
    })
  }

  test('is refused by the validator if it is not valid', async () => {
    const document = documentOf(instanceOf(['headers']))
    const scheme = { type: 'apiKey', in: 'body', name: 'access_token' }
    const components = { ...document.components, securitySchemes: { accessJson: scheme } }
    assert.equal((await validator.validate({ ...document, components })).valid, false)
  })
})

/** What a request carries for one security scheme, as whoever reads the document would send it. */
function carried(authx: AuthX, components: OpenApiComponents, name: string, token: string): Sent {
  const scheme = components.securitySchemes[name]
  assert.ok(scheme, name)
  if (scheme.type === 'http') return { headers: [['Authorization', `Bearer ${token}`]] }
  if (scheme.in === 'query') return { path: `?${scheme.name}=${token}` }
  if (scheme.in === 'cookie') return { headers: [cookie({ [scheme.name]: token })] }
  if (/CSRF/.test(scheme.description)) return { headers: [[scheme.name, authx.getCsrfToken(token) ?? '']] }
  const [, before] = /^(\S+), a space and /.exec(scheme.description) ?? []
  return { headers: [[scheme.name, before ? `${before} ${token}` : token]] }
}

async function statusWith(
  client: Client,
  [path, method]: (typeof OPERATIONS)[number],
  parts: readonly Sent[],
): Promise<number> {
  const query = parts.map(part => part.path ?? '').join('')
  const headers = parts.flatMap(part => part.headers ?? [])
  return (await client({ method: method.toUpperCase(), path: path + query, headers })).status
}

describe('a server', () => {
  for (const [what, options] of Object.entries(VARIANTS)) {
    const choices = what === 'as it is' ? CHOICES.filter(each => `${each}` !== 'json') : [LOCATIONS]
    for (const locations of choices) {
      test(`on ${locations.join(', ')} ${what} lets in who sends what is described, and nobody who sends less`, async t => {
        const authx = instanceOf(locations, options)
        const router = new Router()
        router.all('/access', authx.accessTokenRequired(), ctx => {
          ctx.body = 'in'
        })
        router.post('/refresh', async ctx => {
          ctx.body = await authx.refresh(ctx)
        })
        const client = await serve(t, appOf(authx.middleware()).use(router.routes()))
        const components = authx.openapi()
        for (const operation of OPERATIONS) {
          const [, , type] = operation
          const security = securityOf(authx, operation)
          assert.equal(security.length, locations.filter(location => location !== 'json').length)
          assert.equal(await statusWith(client, operation, []), 401)
          for (const alternative of security) {
            const names = Object.keys(alternative)
            const pair = await authx.createTokenPair('test')
            const parts = names.map(name => carried(authx, components, name, pair[`${type}_token`]))
            for (const missing of parts) {
              const status = await statusWith(
                client,
                operation,
                parts.filter(part => part !== missing),
              )
              assert.ok(status === 401 || status === 403, `${names} without one: ${status}`)
            }
            assert.equal(await statusWith(client, operation, parts), 200, names.join())
          }
        }
      })
    }
  }

  test('that asks for more than one thing says so: a cookie and its CSRF value', () => {
    const authx = instanceOf(['headers', 'cookies'])
    assert.deepEqual(authx.openapiSecurity('post'), [{ accessToken: [] }, { accessCookie: [], accessCsrf: [] }])
    assert.deepEqual(authx.openapiSecurity('GET'), [{ accessToken: [] }, { accessCookie: [] }])
    assert.deepEqual(authx.openapiSecurity('get', { type: 'refresh', verifyCsrf: true }), [
      { refreshToken: [] },
      { refreshCookie: [], refreshCsrf: [] },
    ])
    assert.deepEqual(authx.openapiSecurity('post', { verifyCsrf: false })[1], { accessCookie: [] })
  })
})

describe('the security schemes', () => {
  const schemes = (options: AuthXOptions) => makeAuthX(options).openapi().securitySchemes

  test('are those of the configured locations, each type its own', () => {
    const tokenLocation = { access: ['headers', 'query'], refresh: ['cookies', 'json'] } as const
    assert.deepEqual(schemes({ tokenLocation, refreshCsrfHeaderName: 'X-CSRF' }), {
      accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'The access token.' },
      accessQuery: { type: 'apiKey', in: 'query', name: 'token', description: 'The access token.' },
      refreshCookie: {
        type: 'apiKey',
        in: 'cookie',
        name: 'refresh_token_cookie',
        description: 'The refresh token.',
      },
      refreshCsrf: {
        type: 'apiKey',
        in: 'header',
        name: 'X-CSRF',
        description: 'The CSRF value of the refresh token: the cookie csrf_refresh_token.',
      },
    })
  })

  test('say where the CSRF value comes from, and are silent where none is asked for', () => {
    const tokenLocation = ['cookies'] as const
    const described = (options: AuthXOptions) => schemes({ tokenLocation, ...options }).accessCsrf?.description
    assert.match(String(described({ accessCsrfCookieName: 'csrf' })), /: the cookie csrf\.$/)
    assert.match(String(described({ csrfInCookies: false })), /: csrf_token in the responses of login and refresh\.$/)
    assert.deepEqual(Object.keys(schemes({ tokenLocation, cookieCsrfProtect: false })), [
      'accessCookie',
      'refreshCookie',
    ])
  })

  test('have names of their own for each login type, so that one document holds several instances', () => {
    const user = Object.keys(schemes({ loginType: 'user', tokenLocation: ['headers', 'cookies'] }))
    const admin = Object.keys(schemes({ loginType: 'admin', tokenLocation: ['headers', 'cookies'] }))
    assert.deepEqual(
      user.filter(name => admin.includes(name)),
      [],
    )
    assert.ok(admin.includes('adminAccessToken') && admin.includes('adminRefreshCsrf'))
  })

  test('do not describe tokens in JSON bodies, for which OpenAPI has no word', async t => {
    const authx = instanceOf(['json'])
    assert.deepEqual(authx.openapi().securitySchemes, {})
    assert.deepEqual(authx.openapiSecurity('post'), [])
    // They are there all the same.
    const client = await serve(t, appOf(koaBody(), authx.middleware(), authx.accessTokenRequired()))
    const body = JSON.stringify({ access_token: authx.createAccessToken('test') })
    const headers = [['Content-Type', 'application/json']] as const
    assert.equal((await client({ method: 'POST', headers, body })).status, 404)
    assert.equal((await client({ method: 'POST', headers, body: '{}' })).status, 401)
  })
})

type ErrorClass = new (...args: readonly unknown[]) => library.AuthXError

/** The names of the responses are those of RFC 9110 and RFC 6585. */
const NAMES: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  413: 'ContentTooLarge',
  415: 'UnsupportedMediaType',
  429: 'TooManyRequests',
  500: 'InternalServerError',
  503: 'ServiceUnavailable',
}

describe('the responses', () => {
  /** TokenTypeError is what two errors have in common, and none that is sent. */
  const errors = Object.entries(library)
    .filter(([, value]) => typeof value === 'function' && value.prototype instanceof library.AuthXError)
    .filter(([name]) => name !== 'TokenTypeError')
    .map(([, value]) => new (value as ErrorClass)(['a problem']))
  // Not every one of its class has the header that this one has.
  errors.push(new library.RateLimitExceeded(1000))
  const withStatus = (status: number) => errors.filter(error => error.status === status)
  const namesOf = (list: readonly library.AuthXError[]) => [...new Set(list.map(({ name }) => name))].sort()
  const { responses, schemas } = makeAuthX().openapi()
  const schemaOf = (name: string) => {
    const { $ref = '' } = responses[name]?.content['application/json'].schema ?? {}
    return schemas[$ref.replace('#/components/schemas/', '')]
  }

  test('are one for each status of an error', () => {
    const statuses = new Set(errors.map(({ status }) => status))
    assert.deepEqual(Object.keys(responses).sort(), [...statuses].map(status => NAMES[status]).sort())
    assert.equal(Object.keys(schemas).length, statuses.size)
  })

  test('name every error of their status and no other', () => {
    for (const [status, name] of Object.entries(NAMES)) {
      assert.deepEqual(schemaOf(name)?.properties.error_type?.enum?.sort(), namesOf(withStatus(Number(status))), name)
    }
  })

  test('have the headers that the errors have, and require those that all of them have', () => {
    for (const [status, name] of Object.entries(NAMES)) {
      const all = withStatus(Number(status))
      const sent = [...new Set(all.flatMap(error => Object.keys(error.headers)))]
      const expected = sent.map(header => [header, all.every(error => header in error.headers)])
      const described = Object.entries(responses[name]?.headers ?? {})
      assert.deepEqual(
        Object.fromEntries(described.map(([header, { required }]) => [header, required])),
        Object.fromEntries(expected),
        name,
      )
    }
  })

  test('describe the body that the middleware renders', async t => {
    const authx = makeAuthX({ errorMessageKey: 'msg' })
    const described = authx.openapi().schemas.UnauthorizedError
    const { json } = await (await serve(t, appOf(authx.middleware(), authx.accessTokenRequired())))()
    assert.deepEqual(described?.required, Object.keys(json))
    assert.deepEqual(Object.keys(described?.properties ?? {}), Object.keys(json))
    assert.ok(described?.properties.error_type?.enum?.includes(String(json.error_type)))
  })
})

describe('openapi()', () => {
  test('gives a plain object of its own each time, which holds no secret', () => {
    const authx = instanceOf(['headers', 'cookies', 'query'])
    const first = authx.openapi()
    const text = JSON.stringify(first)
    assert.deepEqual(JSON.parse(text), first)
    assert.doesNotMatch(text, new RegExp(TEST_SECRET.slice(0, 9)))
    for (const part of [...Object.values(first), ...Object.values(first).flatMap(each => Object.values(each))]) {
      assert.equal(Object.isFrozen(part), false)
      for (const name of Object.keys(part)) delete (part as Record<string, unknown>)[name]
    }
    assert.equal(JSON.stringify(authx.openapi()), text)
  })

  test('shares no list with another call', () => {
    const authx = makeAuthX()
    const names = () => authx.openapi().schemas.UnauthorizedError?.properties.error_type?.enum
    const before = [...(names() ?? [])]
    names()?.splice(0)
    assert.deepEqual(names(), before)
    assert.notDeepEqual(before, [])
  })
})

describe('openapiSecurity()', () => {
  const authx = makeAuthX()
  const WRONG: readonly (readonly unknown[])[] = [
    [],
    [undefined],
    [{ type: 'access' }],
    ['get', { type: 'id' }],
    ['get', { types: 'access' }],
    ['get', { verifyCsrf: 'yes' }],
  ]
  for (const args of WRONG) {
    test(`refuses (${args.map(each => JSON.stringify(each) ?? 'undefined').join(', ')})`, () => {
      assert.throws(() => Reflect.apply(authx.openapiSecurity, authx, args), TypeError)
    })
  }
})
