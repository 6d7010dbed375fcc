import type Router from '@koa/router'
import type { AuthX } from 'koa-authx'

const SCOPES = {
  editor: ['notes:read', 'notes:change', 'sessions'],
  reader: ['notes:read', 'sessions'],
} as const

/** The users of the demo, by name, with their roles. A real application has them in its database. */
export type Users = Map<string, keyof typeof SCOPES>

/** Lets `authx` ask for the role of a user at each login and refresh. A user who does not exist gets no tokens. */
export function askForRoles(authx: AuthX, users: Users): void {
  authx.setClaimsGetter(sub => {
    const role = users.get(sub)
    return role && { data: { role }, scopes: [...SCOPES[role]] }
  })
}

/**
 * For the demo only: users change their own role, and delete themselves. In a real application, an administrator does
 * so. Nothing is revoked here, so that the page shows what the next refresh does.
 *
 * - `PUT /user/role/:role`: 204; 404 if there is no such role, or the user was deleted.
 * - `DELETE /user`: 204.
 */
export function addUserRoutes(router: Router, authx: AuthX, users: Users): void {
  const guard = authx.accessTokenRequired()

  router.put('/user/role/:role', guard, ctx => {
    const { role = '' } = ctx.params
    const { sub } = ctx.state.token
    if (!isRole(role) || !users.has(sub)) return
    users.set(sub, role)
    ctx.status = 204
  })
  router.delete('/user', guard, ctx => {
    users.delete(ctx.state.token.sub)
    ctx.status = 204
  })
}

const isRole = (text: string): text is keyof typeof SCOPES => Object.hasOwn(SCOPES, text)
