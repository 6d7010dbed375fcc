/**
 * Sessions in Redis: any number of these processes share them, and a logout in one holds in all. They need the same
 * JWT_SECRET_KEY.
 *
 *     export JWT_SECRET_KEY=$(openssl rand -hex 32)
 *     REDIS_URL=redis://127.0.0.1:6379 PORT=8000 npx tsx examples/redis.ts &
 *     REDIS_URL=redis://127.0.0.1:6379 PORT=8001 npx tsx examples/redis.ts &
 *
 * Redis must not evict (`maxmemory-policy noeviction`) and should persist (`appendonly yes`).
 */
import { AuthX } from 'koa-authx'
import { RedisTokenStore } from 'koa-authx/stores/redis'
import { createApp } from './app.js'

const { HOST = '127.0.0.1', PORT = '8000', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env

// fromEnv reads JWT_SECRET_KEY and every other JWT_* variable that AuthX reads.
const authx = AuthX.fromEnv({ store: new RedisTokenStore(REDIS_URL) })

// While Redis is away the answers are 503. Who operates the service wants to know why.
authx.on('storeError', ({ operation, error }) => console.error(`${operation}: ${error.cause}`))

export const server = createApp(authx).listen(Number(PORT), HOST)

// Nothing is left open when the server has answered its last request.
server.on('close', () => authx.close())
