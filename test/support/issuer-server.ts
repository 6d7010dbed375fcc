import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

/** How the server answers one request, instead of as usual. */
type Answer = (req: IncomingMessage, res: ServerResponse) => void

/** A key pair of the issuer. */
export interface IssuerKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

export async function issuerKey(kid: string, alg = 'ES256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

/** An issuer whose every answer the test chooses: its metadata, its key set, its tokens. */
export class IssuerServer {
  readonly issuer: string
  keys: IssuerKey[]
  /** The paths that were requested. */
  readonly asked: string[] = []
  /** Answers the next requests, if set. */
  answer: Answer | undefined

  constructor(issuer: string, keys: IssuerKey[]) {
    this.issuer = issuer
    this.keys = keys
  }

  get jwksUri(): string {
    return `${this.issuer}/jwks`
  }

  /** How often the key set was requested. */
  get askedForKeys(): number {
    return this.asked.filter(path => path === '/jwks').length
  }

  /** A token of the issuer: an access token for `my-api` that is valid for an hour, unless `claims` says otherwise. */
  token(
    claims: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
    key = this.keys[0],
  ): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const { kid, alg, privateKey } = key as IssuerKey
    const all = { iss: this.issuer, sub: 'ada', aud: 'my-api', iat: now, exp: now + 3600, jti: 'a-token', ...claims }
    return new SignJWT(all).setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header }).sign(privateKey)
  }

  respond(req: IncomingMessage, res: ServerResponse): void {
    const path = req.url ?? ''
    this.asked.push(path)
    if (this.answer) this.answer(req, res)
    else if (path === '/.well-known/openid-configuration') json(res, { issuer: this.issuer, jwks_uri: this.jwksUri })
    else if (path === '/jwks') json(res, { keys: this.keys.map(({ jwk }) => jwk) })
    else res.writeHead(404).end()
  }
}

/** Answers with JSON. */
export function json(res: ServerResponse, value: unknown): void {
  res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
}

/** Starts an issuer on loopback with one key, until the test is over. */
export async function issuerServer(t: TestContext, ...keys: IssuerKey[]): Promise<IssuerServer> {
  const server = createServer((req, res) => issuer.respond(req, res))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const issuer = new IssuerServer(`http://127.0.0.1:${port}`, keys.length > 0 ? keys : [await issuerKey('one')])
  return issuer
}
