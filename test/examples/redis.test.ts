import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { after, describe, test } from 'node:test'
import { AuthX } from 'koa-authx'
import { RedisTokenStore } from 'koa-authx/stores/redis'
import { createApp } from '../../examples/app.js'
import { startRedis } from '../support/redis.js'
import { Client } from './client.js'
import { testHeaderLife } from './header-life.js'

const redis = await startRedis()
process.env.PORT = '0'
process.env.REDIS_URL = redis.url
process.env.JWT_SECRET_KEY = randomBytes(32).toString('hex')
const { server } = await import('../../examples/redis.js')
const client = await Client.of(server)

describe('examples/redis.ts', () => {
  after(async () => {
    server.close()
    await once(server, 'close')
    await redis.stop()
  })
  testHeaderLife(() => client)

  test('a logout holds in another server on the same Redis', async t => {
    const authx = AuthX.fromEnv({ store: new RedisTokenStore(redis.url) })
    const other = createApp(authx).listen(0, '127.0.0.1')
    t.after(async () => {
      other.close()
      await authx.close()
    })
    const elsewhere = await Client.of(other)
    const { body } = await client.login()
    assert.equal((await elsewhere.get('/protected', { token: body.access_token })).status, 200)
    assert.equal((await client.post('/logout', { token: body.access_token })).status, 204)
    const refused = await elsewhere.get('/protected', { token: body.access_token })
    assert.deepEqual([refused.status, refused.body.error_type], [401, 'RevokedTokenError'])
  })
})
