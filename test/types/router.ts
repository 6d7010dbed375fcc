/** Compiled by `npm run types`, never run: how `authRouter` and `openapi` are typed. */
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { authRouter, type Login, type LoginResult } from 'koa-authx/router'
import { AuthX, type AuthXOptions, type OpenApiComponents } from '../../src/index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(..._proof: Equal<A, B> extends true ? [] : [never]) => {}

const options: AuthXOptions = {}
const authx = new AuthX(options)
const typed = new AuthX<{ role: string }, { name: string }>(options)

// What login is given is typed without annotation: members of the body are not known to be strings.
authRouter(authx, {
  login({ username, password }, ctx) {
    same<typeof username, unknown>()
    same<typeof password, unknown>()
    same<typeof ctx, Context>()
    return typeof username === 'string' && ctx.ip !== '' ? username : undefined
  },
})
authRouter(authx, {
  // @ts-expect-error: nobody has looked whether it is a string
  login: ({ username }) => username,
})

// It returns a subject, a subject with options, or nobody; at once or later.
authRouter(authx, { login: () => 'test' })
authRouter(authx, { login: () => null })
authRouter(authx, { login: async () => undefined })
authRouter(authx, { login: async () => ({ sub: 'test', scopes: ['a'], data: { role: 'author' }, accessExpiry: '5m' }) })
const user: { id: string } | undefined = undefined as { id: string } | undefined
authRouter(authx, { login: () => user && { sub: user.id } })
// @ts-expect-error: a false for a wrong password is no subject
authRouter(authx, { login: ({ password }) => password === 'test' && 'test' })
// @ts-expect-error: nobody is named
authRouter(authx, { login: () => ({ scopes: ['a'] }) })
// @ts-expect-error: a subject is a string
authRouter(authx, { login: () => 5 })
export const login: Login = (): LoginResult => ({ sub: 'test' })

// Paths are strings, or false.
authRouter(authx, { login, paths: { login: '/sign-in', sessions: false, revoke: undefined } })
// @ts-expect-error: no such endpoint
authRouter(authx, { paths: { signup: '/sign-up' } })
// @ts-expect-error: what would be there?
authRouter(authx, { paths: { login: true } })

// What a token needs for the sessions.
authRouter(authx, { login, sessions: { scopes: ['account'] as const, end: { fresh: false, scopes: undefined } } })
// @ts-expect-error: a list of scopes
authRouter(authx, { login, sessions: { scopes: 'account' } })
// @ts-expect-error: there is no end of the end
authRouter(authx, { login, sessions: { end: { end: {} } } })

// Any instance will do, and the result is a router like any other.
const router: Router = authRouter(typed, { login })
new Koa().use(typed.middleware()).use(router.routes()).use(router.allowedMethods())
new Router().use('/auth', router.routes())
router.prefix('/auth').get('/me', typed.accessTokenRequired(), ctx => {
  ctx.body = ctx.state.token.role
})

// The components are made of plain, changeable objects.
const components: OpenApiComponents = typed.openapi()
components.responses.Unauthorized = { ...typed.openapi().responses.Unauthorized, description: 'Who are you?' } as never
export const security: { [name: string]: string[] }[] = typed.openapiSecurity('get', { type: 'refresh' })
// @ts-expect-error: no such type of token
typed.openapiSecurity('get', { type: 'id' })
