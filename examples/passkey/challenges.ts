import { randomUUID } from 'node:crypto'
import type { Context } from 'koa'

/** How long a user may take for the dialog of the browser. WebAuthn §15.1 recommends five to ten minutes. */
export const CHALLENGE_MAX_AGE_MS = 5 * 60 * 1000

const COOKIE = 'passkey_attempt'

interface Attempt {
  readonly purpose: string
  readonly challenge: string
  readonly expiresAt: number
}

/**
 * The open challenges. Each belongs to one browser, by a cookie, and to one purpose, and can be taken once. A real
 * application with several processes keeps them in a shared store that reads and deletes in one step, such as Redis
 * with GETDEL.
 */
export class Challenges {
  readonly #attempts = new Map<string, Attempt>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  keep(ctx: Pick<Context, 'append'>, purpose: string, challenge: string): void {
    this.#deleteExpired()
    const id = randomUUID()
    this.#attempts.set(id, { purpose, challenge, expiresAt: this.#now() + CHALLENGE_MAX_AGE_MS })
    const maxAge = CHALLENGE_MAX_AGE_MS / 1000
    // Not with ctx.cookies: it refuses Secure cookies on http://localhost, where browsers accept them.
    ctx.append('Set-Cookie', `${COOKIE}=${id}; Path=/; Max-Age=${maxAge}; HttpOnly; Secure; SameSite=Strict`)
  }

  /** Returns the challenge of this browser and uses it up. 400 if there is none for this purpose. */
  take(ctx: Pick<Context, 'cookies' | 'throw'>, purpose: string): string {
    const id = ctx.cookies.get(COOKIE, { signed: false }) ?? ''
    const attempt = this.#attempts.get(id)
    // Before any check, so that each challenge has one try.
    this.#attempts.delete(id)
    if (attempt?.purpose === purpose && attempt.expiresAt > this.#now()) return attempt.challenge
    return ctx.throw(400, 'The challenge is used up or has expired. Ask for new options.')
  }

  /** All challenges live equally long, so the oldest come first. */
  #deleteExpired(): void {
    for (const [id, { expiresAt }] of this.#attempts) {
      if (expiresAt > this.#now()) return
      this.#attempts.delete(id)
    }
  }
}
