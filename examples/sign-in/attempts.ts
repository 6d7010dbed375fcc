import { hkdfSync } from 'node:crypto'
import { EncryptJWT, jwtDecrypt } from 'jose'
import type { Context } from 'koa'
import type { Secrets } from './provider.js'

/** A sign-in that has begun and has not ended yet. */
export interface Attempt extends Secrets {
  /** Where the person wanted to go: a path of this application. */
  readonly next: string
  /** When it began, in seconds. */
  readonly iat: number
}

/** How long a person may take at the provider, in seconds. */
const MAX_AGE = 10 * 60

/**
 * Keeps the attempt of each browser in a cookie of this browser, so that no other browser can finish it, and no process
 * has to remember it. Nobody can read the cookie or change it. It is for one try: each answer deletes it.
 */
export class Attempts {
  readonly #key: Uint8Array
  readonly #cookie: string
  readonly #now: () => number

  /**
   * @param origin of the application. With https, the name of the cookie begins with `__Host-`: pages of other
   * subdomains cannot set it, and make a visitor finish their sign-in.
   */
  constructor(secretKey: string, origin: string, now: () => number) {
    // Another key than that of the tokens, so that neither is ever taken for the other.
    this.#key = new Uint8Array(hkdfSync('sha256', secretKey, '', 'sign-in cookie', 32))
    this.#cookie = origin.startsWith('https:') ? '__Host-sign_in' : 'sign_in'
    this.#now = now
  }

  async begin(ctx: Context, attempt: Omit<Attempt, 'iat'>): Promise<void> {
    const iat = Math.floor(this.#now() / 1000)
    const text = await new EncryptJWT({ ...attempt })
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .setIssuedAt(iat)
      .setExpirationTime(iat + MAX_AGE)
      .encrypt(this.#key)
    this.#set(ctx, text, MAX_AGE)
  }

  /** Returns the attempt of this browser and deletes it. `undefined` if there is none, or if it is too old. */
  async take(ctx: Context): Promise<Attempt | undefined> {
    const text = ctx.cookies.get(this.#cookie, { signed: false })
    this.#set(ctx, '', 0)
    if (text === undefined) return undefined
    const algorithms = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }
    const options = { ...algorithms, currentDate: new Date(this.#now()) }
    const opened = await jwtDecrypt<Attempt>(text, this.#key, options).catch(() => undefined)
    return opened?.payload
  }

  /**
   * Not with ctx.cookies, which refuses Secure cookies on http://localhost, where browsers accept them. Lax, because the
   * browser comes from the provider's site: with Strict it would not send the cookie.
   */
  #set(ctx: Context, value: string, maxAge: number): void {
    ctx.append('Set-Cookie', `${this.#cookie}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; Secure; SameSite=Lax`)
  }
}
