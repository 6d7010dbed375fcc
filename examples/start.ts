/**
 * The program of `npm start`: the application of app.ts, with sessions that survive a restart, and the demo page.
 *
 *     npm start                                        sessions in the SQLite file .data/tokens.sqlite
 *     TOKEN_STORE=redis://127.0.0.1:6379 npm start     sessions in Redis
 *     TOKEN_STORE=postgres://127.0.0.1/app npm start   sessions in PostgreSQL, in the table koa_authx
 *     TOKEN_STORE=memory: npm start                    sessions in memory, lost when it stops
 *
 * JWT_SECRET_KEY signs the tokens; PORT and HOST set the address of the server. Other JWT_* variables of AuthX work
 * too, except for the demo page, which has its own settings.
 */
import { mkdirSync } from 'node:fs'
import type { Server } from 'node:http'
import { AuthX } from 'koa-authx'
import { createApp } from './app.js'
import { demoRouter } from './demo/routes.js'
import { reportFindings } from './start/check-store.js'
import { curlLines } from './start/curl-lines.js'
import { secretKey } from './start/secret-key.js'
import { tokenStore } from './start/token-store.js'

const FOLDER = '.data'

await start(process.env).catch(fail)

async function start({ HOST = '127.0.0.1', PORT = '8000', TOKEN_STORE, JWT_SECRET_KEY }: NodeJS.ProcessEnv) {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 })
  const { store, where } = tokenStore(TOKEN_STORE, FOLDER)
  const options = { store, secretKey: JWT_SECRET_KEY || secretKey(FOLDER) }
  const authx = AuthX.fromEnv(options)
  reportStore(authx)
  await reportFindings(store)

  const app = createApp(authx).use(demoRouter(options, { where, watch: reportStore }).routes())
  const server = app.listen(Number(PORT), HOST)
  server.once('listening', () => {
    const url = urlOf(server)
    console.log(`Listening on ${url}. Sessions are kept ${where}.`)
    console.log(`Demo: ${url}/\nCommands to try, one after the other:\n`)
    console.log(`${curlLines(url, FOLDER)}\n`)
  })
  server.once('error', async (error: NodeJS.ErrnoException) => {
    await authx.close()
    fail(error.code === 'EADDRINUSE' ? `Port ${PORT} is in use. Use another one: PORT=8001 npm start` : error)
  })
  server.once('close', () => authx.close())
  // Running requests get their response before the store is closed. A second signal ends the process at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.close())
}

function reportStore(authx: AuthX): void {
  authx.on('storeError', ({ operation, error }) => console.error(`${operation}: ${error.cause}`))
}

function urlOf(server: Server): string {
  const address = server.address()
  return `http://localhost:${typeof address === 'object' ? address?.port : address}`
}

/** Ends the process at once, because a connection to Redis or PostgreSQL would keep it running. */
function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
