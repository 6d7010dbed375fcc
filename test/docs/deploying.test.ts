import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { AuthX } from 'koa-authx'
import { RedisTokenStore } from 'koa-authx/stores/redis'
import { blocksOf, readPage } from '../support/markdown.js'
import { startRedis } from '../support/redis.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'

const [persistence = [], replicas = []] = blocksOf(readPage('docs/deploying.md'))
  .filter(({ language }) => language === 'redis')
  .map(({ code }) => code.trim().split('\n'))

const asArguments = (settings: readonly string[]) => settings.flatMap(line => `--${line}`.split(' '))

/** A Redis server as the page wants it, and a session in it. */
async function deployed(t: TestContext, args: readonly string[]) {
  const redis = await startRedis({ args })
  const secretKey = 'a secret for tests, of 32 bytes or more'
  const authx = new AuthX({ secretKey, store: new RedisTokenStore(redis.url) })
  t.after(async () => {
    await authx.close()
    await redis.stop()
  })
  const pair = await authx.createTokenPair('test')
  return { redis, authx, pair }
}

/** What a guard would say: the subject, or the name of the error. */
const judged = (authx: AuthX, token: string) => authx.verifyToken(token).then(({ sub }) => sub, nameOf)
const revoked = (authx: AuthX, token: string) => authx.revoke(token).then(() => 'revoked', nameOf)
const nameOf = (error: Error) => error.name

describe('the settings of Redis on the page about deploying', () => {
  test('make a full Redis refuse logins and logouts while guards go on', async t => {
    const { redis, authx, pair } = await deployed(t, asArguments(persistence))
    await redis.command('CONFIG', 'SET', 'maxmemory', '1')
    assert.equal(await authx.createTokenPair('another').catch(nameOf), 'StoreUnavailableError')
    assert.equal(await revoked(authx, pair.access_token), 'StoreUnavailableError')
    assert.equal(await judged(authx, pair.access_token), 'test')
    await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    assert.equal(await revoked(authx, pair.access_token), 'revoked')
    assert.equal(await judged(authx, pair.access_token), 'RevokedTokenError')
  })

  test('keep logins and logouts over a Redis that is killed', async t => {
    const { folder, remove } = await temporaryFolder()
    t.after(remove)
    const { redis, authx, pair } = await deployed(t, [...asArguments(persistence), '--dir', folder])
    const other = await authx.createTokenPair('other')
    await authx.revoke(other.access_token)
    await redis.restart()
    await until(async () => (await judged(authx, pair.access_token)) === 'test')
    assert.equal(await judged(authx, other.access_token), 'RevokedTokenError')
  })

  test('are needed: without persistence every session is over', async t => {
    const { redis, authx, pair } = await deployed(t, [])
    await redis.restart()
    await until(async () => (await judged(authx, pair.access_token)) === 'RevokedTokenError')
  })

  test('make a master without replicas refuse logouts', async t => {
    const { redis, authx, pair } = await deployed(t, [])
    for (const line of replicas) await redis.command('CONFIG', 'SET', ...line.split(' '))
    assert.equal(await revoked(authx, pair.access_token), 'StoreUnavailableError')
    assert.equal(await judged(authx, pair.access_token), 'test')
  })
})
