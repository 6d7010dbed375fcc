import type { TestContext } from 'node:test'
import { AuthX, AuthXError, type AuthXOptions } from 'koa-authx'
import { type RemoteIssuerOptions, remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { type IssuerKey, type IssuerServer, issuerKey, issuerServer } from '../support/issuer-server.js'

export const SECOND = 1000
export const HOUR = 3600 * SECOND
export const DAY = 24 * HOUR

/** An issuer on loopback, and an instance that accepts its tokens. The age of the key set is that of `pass`. */
export interface Scene {
  readonly server: IssuerServer
  readonly authx: AuthX
  /** Lets time pass for the key set, milliseconds. */
  readonly pass: (milliseconds: number) => void
  /** The status of a response to a request with this token: 200, 401 or 503. */
  readonly statusOf: (token: string) => Promise<number>
  /** A token of a key that the issuer does not have. */
  readonly forged: (header?: Record<string, unknown>) => Promise<string>
}

export async function sceneOf(
  t: TestContext,
  options: Partial<RemoteIssuerOptions> = {},
  ...keys: IssuerKey[]
): Promise<Scene> {
  const server = await issuerServer(t, ...keys)
  let now = 0
  const { issuer, jwksUri } = server
  const authx = new AuthX({
    issuers: [remoteIssuer({ issuer, jwksUri, audience: 'my-api', now: () => now, ...options })],
  })
  const stranger = await issuerKey('a stranger')
  return {
    server,
    authx,
    pass: milliseconds => {
      now += milliseconds
    },
    statusOf: token => statusOf(authx, token),
    forged: (header = {}) => server.token({}, header, stranger),
  }
}

/** The status of a response to a request with this token. */
export async function statusOf(authx: AuthX, token: string): Promise<number> {
  try {
    await authx.verifyToken(token)
    return 200
  } catch (error) {
    if (error instanceof AuthXError) return error.status
    throw error
  }
}

/** What an operator finds in the log about a token: the causes of its error, joined. */
export async function causesOf(authx: AuthX, token: string): Promise<string> {
  try {
    await authx.verifyToken(token)
    return ''
  } catch (error) {
    const texts: string[] = []
    for (let each = error; each !== undefined; each = each instanceof Error ? each.cause : undefined) {
      texts.push(each instanceof Error ? each.message : String(each))
    }
    return texts.join('; ')
  }
}

/** An issuer on loopback, and an instance with a store that accepts its tokens. */
export async function instanceOf(
  t: TestContext,
  options: AuthXOptions = {},
): Promise<{ server: IssuerServer; authx: AuthX }> {
  const server = await issuerServer(t)
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const issuers = [remoteIssuer({ issuer: server.issuer, audience: 'my-api' })]
  return { server, authx: new AuthX({ issuers, store, ...options }) }
}

export const secondsNow = () => Math.floor(Date.now() / 1000)
