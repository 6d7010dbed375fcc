import { createClient } from '@keyv/redis'
import { freePort } from '../../support/free-port.js'
import { type RedisServer, type RedisServerOptions, startRedis } from '../../support/redis.js'
import { tcpProxy } from '../../support/tcp-proxy.js'
import { temporaryFolder } from '../../support/temporary.js'
import type { Fault, Stage } from './endure.js'
import { again, onTheWay } from './network.js'

type Prepare = () => Promise<Stage>

/** The client of the store: its own, of node-redis, or one of ioredis. */
type Kind = 'redis' | 'ioredis'

const on =
  (faults: (redis: RedisServer) => Fault[], options?: RedisServerOptions, kind: Kind = 'redis'): Prepare =>
  async () => {
    const redis = await startRedis(options)
    return { backend: { kind, at: redis.url }, faults: faults(redis), cleanUp: redis.kill }
  }

/** Nothing listens when the server starts. */
export const absent: Prepare = async () => {
  const port = await freePort()
  let redis: RedisServer | undefined
  const end = async () => {
    redis = await startRedis({ port })
  }
  return {
    backend: { kind: 'redis', at: `redis://127.0.0.1:${port}` },
    faults: [{ name: 'not there', begin: () => {}, end }],
    fromTheStart: true,
    cleanUp: () => redis?.kill(),
  }
}

/** Killed, and started again with the file that everything was written to before it was acknowledged. */
export const killed: Prepare = async () => {
  const { folder, remove } = await temporaryFolder()
  const args = ['--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always']
  const stage = await on(redis => [{ name: 'killed', begin: redis.kill, end: redis.restart }], { args })()
  const cleanUp = async () => {
    await stage.cleanUp()
    await remove()
  }
  return { ...stage, cleanUp }
}

export const emptied = on(redis => [
  { name: 'killed, and empty', begin: redis.kill, end: redis.restart, forgets: true },
])

export const frozen = withEach(kind =>
  on(
    redis => [
      { name: 'frozen', begin: redis.pause, end: redis.resume },
      { name: 'busy with an endless script', begin: () => keepBusy(redis), end: () => redis.command('SCRIPT', 'KILL') },
    ],
    {},
    kind,
  ),
)

function withEach(prepare: (kind: Kind) => Prepare): Readonly<Record<string, Prepare>> {
  return { 'node-redis': prepare('redis'), ioredis: prepare('ioredis') }
}

async function keepBusy(redis: RedisServer): Promise<void> {
  await redis.command('CONFIG', 'SET', 'lua-time-limit', '50')
  redis.command('EVAL', 'while true do end', '0').catch(() => {})
}

/** Between the server and Redis stands somebody who does what networks do. */
export const network = withEach(kind => async () => {
  const redis = await startRedis()
  const proxy = await tcpProxy(redis.port)
  const cleanUp = () => {
    proxy.close()
    return redis.kill()
  }
  return { backend: { kind, at: proxy.url }, faults: onTheWay(proxy), cleanUp }
})

/** Redis is there, and will not. */
export const unwilling: Prepare = async () => {
  const redis = await startRedis({ args: ['--requirepass', RIGHT] })
  // Whoever has said the password once is not asked again.
  const admin = createClient({ url: urlWith(redis, RIGHT) })
  admin.on('error', () => {})
  await admin.connect()
  const cleanUp = () => {
    admin.destroy()
    return redis.kill()
  }
  const faults = refusals((...words) => admin.sendCommand(words))
  return { backend: { kind: 'redis', at: urlWith(redis, WRONG) }, fromTheStart: true, faults, cleanUp }
}

const RIGHT = 'right'
const WRONG = 'wrong'

const urlWith = ({ port }: RedisServer, password: string) => `redis://:${password}@127.0.0.1:${port}`

function refusals(command: (...words: string[]) => Promise<unknown>): Fault[] {
  const set = (name: string, value: string) => command('CONFIG', 'SET', name, value)
  const demand = async (password: string) => {
    await set('requirepass', password)
    await command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  }
  return [
    { name: 'wrong password', begin: () => demand(RIGHT), end: () => demand(WRONG) },
    {
      name: 'read-only replica',
      begin: async () => command('REPLICAOF', '127.0.0.1', String(await freePort())),
      end: () => command('REPLICAOF', 'NO', 'ONE'),
      readsGoOn: true,
    },
    {
      name: 'out of memory',
      begin: () => set('maxmemory', '1'),
      end: () => set('maxmemory', '0'),
      readsGoOn: true,
    },
    {
      name: 'scripts forbidden',
      begin: () => command('ACL', 'SETUSER', 'default', '-@scripting'),
      end: () => command('ACL', 'SETUSER', 'default', '+@scripting'),
      readsGoOn: true,
    },
    { name: 'scripts forgotten', harmless: true, ...again(() => command('SCRIPT', 'FLUSH'), 5) },
  ]
}
