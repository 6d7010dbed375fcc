/**
 * The smallest server: sessions in memory, tokens in the header `Authorization`. Its routes are in app.ts.
 *
 *     npx tsx examples/quickstart.ts
 *     curl http://localhost:8000/login -d username=test -d password=test
 *     curl http://localhost:8000/protected -H 'Authorization: Bearer <access_token>'
 *     curl -X POST http://localhost:8000/refresh -H 'Authorization: Bearer <refresh_token>'
 *     curl -X POST http://localhost:8000/logout -H 'Authorization: Bearer <access_token>'
 */
import { randomBytes } from 'node:crypto'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { createApp } from './app.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  // In production set JWT_SECRET_KEY. Without it every restart invalidates all tokens.
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
})

export const server = createApp(authx).listen(Number(PORT), HOST)
