/**
 * Your own store on an SQL database. custom-sql-store/store.ts has it, for PostgreSQL: docs/stores.md says what to change
 * for another database. For PostgreSQL itself take `PostgresTokenStore`, which promises more.
 *
 *     export JWT_SECRET_KEY=$(openssl rand -hex 32)
 *     DATABASE_URL=postgres://user:password@127.0.0.1/database npx tsx examples/custom-sql-store.ts
 *
 * The test of this example runs the conformance suite of koa-authx/testing, in one process and in four.
 */
import { AuthX } from 'koa-authx'
import { createApp } from './app.js'
import { SqlTokenStore } from './custom-sql-store/store.js'

const { HOST = '127.0.0.1', PORT = '8000', DATABASE_URL } = process.env
if (!DATABASE_URL) throw new Error('DATABASE_URL is missing, such as postgres://user:password@127.0.0.1/database')

const store = new SqlTokenStore(DATABASE_URL)
await store.createTable()

const authx = AuthX.fromEnv({ store })
authx.on('storeError', ({ operation, error }) => console.error(`${operation}: ${error.cause}`))

export const server = createApp(authx).listen(Number(PORT), HOST)

server.on('close', () => authx.close())
