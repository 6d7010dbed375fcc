import { type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import Koa from 'koa'
import { AuthX, type AuthXOptions } from '../../src/index.js'

export const TEST_SECRET = 'TEST_ONLY_secret_of_the_test_suite_of_more_than_64_bytes_0123456789'

/** A moment for tests that set the clock: 2026-01-01T00:00:00Z, in milliseconds. */
export const TEST_NOW = Date.UTC(2026, 0, 1)

/** An instance with a secret of its own kind of tests; other keys of `options` take its place. */
export function makeAuthX(options: AuthXOptions = {}): AuthX {
  return new AuthX({ secretKey: TEST_SECRET, ...options })
}

export interface Sent {
  method?: string
  path?: string
  /** Name and value, sent as they stand: in this order, repeated ones too. */
  headers?: readonly (readonly [name: string, value: string])[]
  body?: string | Uint8Array
}

export interface Reply {
  status: number
  headers: IncomingHttpHeaders
  /** The lines of `Set-Cookie`. */
  cookies: readonly string[]
  text: string
  /** The JSON body, or an empty object. */
  json: Readonly<Record<string, unknown>>
}

/** Sends requests to one app. Paths and headers go out byte for byte: `fetch` would tidy them up. */
export type Client = (sent?: Sent) => Promise<Reply>

/** Let `app` listen on a free port until the test is over. */
export async function serve(t: TestContext, app: Pick<Koa, 'listen'>): Promise<Client> {
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return sent => send(port, sent)
}

/** An app of these middlewares that prints nothing. */
export function appOf(...middlewares: Koa.Middleware[]): Koa {
  const app = new Koa()
  app.silent = true
  for (const each of middlewares) app.use(each)
  return app
}

function send(port: number, { method = 'GET', path = '/', headers = [], body = '' }: Sent = {}): Promise<Reply> {
  const host = headers.some(([name]) => name === 'Host') ? [] : [['Host', `127.0.0.1:${port}`]]
  const lines = [...host, ...headers, ['Content-Length', `${Buffer.byteLength(body)}`]]
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method, path, headers: lines.flat() as never, agent: false }
    const outgoing = request(options, async incoming => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      const text = Buffer.concat(chunks).toString()
      const { statusCode: status = 0, headers } = incoming
      resolve({ status, headers, cookies: headers['set-cookie'] ?? [], text, json: jsonOf(headers, text) })
    })
    outgoing.once('error', reject).end(body)
  })
}

function jsonOf(headers: IncomingHttpHeaders, text: string): Record<string, unknown> {
  return headers['content-type']?.startsWith('application/json') && text !== '' ? JSON.parse(text) : {}
}

export const bearer = (token: string) => ['Authorization', `Bearer ${token}`] as const

export const cookie = (pairs: Record<string, string>) =>
  [
    'Cookie',
    Object.entries(pairs)
      .map(([name, value]) => `${name}=${value}`)
      .join('; '),
  ] as const

/** The process warnings that `work` gives rise to. */
export async function warningsOf(work: () => unknown): Promise<(Error & { code?: string })[]> {
  // Node emits a warning in the next tick after it was given: let earlier ones pass, and wait for ours.
  await setImmediate()
  const warnings: Error[] = []
  const keep = (warning: Error) => warnings.push(warning)
  process.on('warning', keep)
  await work()
  await setImmediate()
  process.off('warning', keep)
  return warnings
}
