import type { Context } from 'koa'

/** The name of the user who sent the name and the password, as JSON or as a form; 401 if they are wrong. */
export function checkPassword(ctx: Pick<Context, 'request' | 'throw'>): string {
  const { username, password } = (ctx.request.body ?? {}) as { username?: unknown; password?: unknown }
  // A real application compares the password with a hash that is slow to compute: argon2, scrypt.
  if (username === 'test' && password === 'test') return username
  return ctx.throw(401, 'Wrong username or password')
}
