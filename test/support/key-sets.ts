import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import Router from '@koa/router'
import { AuthX, type AuthXError, type AuthXOptions } from '../../src/index.js'
import { appOf, bearer, serve } from './app.js'

/** The JWK of a public key in PEM form, with more members. */
export const jwkOf = (pem: string, members: object): JsonWebKey & { kid?: string } => ({
  ...createPublicKey(pem).export({ format: 'jwk' }),
  use: 'sig',
  ...members,
})

export type GetKey = NonNullable<AuthXOptions['getKey']>

/** What a guard of an instance with this hook answers. */
export async function guard(t: TestContext, getKey: GetKey, options: AuthXOptions = {}) {
  const authx = new AuthX({ decodeAlgorithms: ['RS256'], storeTimeout: 5000, getKey, ...options })
  const router = new Router()
  router.get('/', authx.accessTokenRequired(), ctx => {
    ctx.body = {}
  })
  const app = appOf(authx.middleware()).use(router.routes())
  const reported: AuthXError[] = []
  app.on('error', error => reported.push(error))
  const client = await serve(t, app)
  const answer = async (token: string) => {
    const { status, json } = await client({ headers: [bearer(token)] })
    return status === 200 ? 'good' : `${status} ${json.error_type}`
  }
  return { answer, reported }
}

/** A server that answers with `set` or, where there is none, with 500. */
export const serveSet = (t: TestContext, set: { current: object | undefined }): Promise<string> =>
  serveAnswers(t, response => {
    response.statusCode = set.current ? 200 : 500
    response.end(JSON.stringify(set.current ?? 'TEST'))
  })

/** A server that answers as `answer` does, and its address. */
export async function serveAnswers(t: TestContext, answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_, response) => answer(response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

export const REFUSED = '401 TokenInvalidSignatureError'
export const UNKNOWN = '503 CallbackUnavailableError'
