/**
 * Sessions in Redis. Any number of processes share them, and a logout in one takes effect in all. All processes
 * need the same JWT_SECRET_KEY.
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

// While Redis does not answer, responses are 503. Log the cause for the operator.
authx.on('storeError', ({ operation, error }) => console.error(`${operation}: ${error.cause}`))

export const server = createApp(authx).listen(Number(PORT), HOST)

// Close the connection to Redis after the last response.
server.on('close', () => authx.close())
