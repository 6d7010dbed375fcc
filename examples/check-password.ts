import type { Context } from 'koa'
import { InvalidCredentialsError } from 'koa-authx'

/** Checks the name and the password in a JSON body or a form, and returns the name. 401 if they are wrong. */
export function checkPassword(ctx: Pick<Context, 'request'>): string {
  const { username, password } = (ctx.request.body ?? {}) as { username?: unknown; password?: unknown }
  // A real application compares the password with a hash that is slow to compute: argon2, scrypt.
  if (username === 'test' && password === 'test') return username
  throw new InvalidCredentialsError()
}
