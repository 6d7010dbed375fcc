import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from './free-port.js'
import { ask, atExit, type RedisServer, startRedis } from './redis.js'
import { findRedisServer } from './redis-binary.js'
import { temporaryFolder } from './temporary.js'
import { until } from './until.js'

/** A master with two replicas, watched by three sentinels, all of the test's own on loopback. */
export interface Sentinels {
  readonly nodes: readonly RedisServer[]
  /** What `createSentinel` of node-redis takes. */
  readonly client: { name: string; sentinelRootNodes: { host: string; port: number }[] }
  /** The master, if all sentinels name the same one. */
  master(): Promise<RedisServer | undefined>
  replicasOf(master: RedisServer): RedisServer[]
  /** Have a replica take over, as if the master had died. */
  failOver(): Promise<void>
  /** Resolves when a node other than `before` is the master. */
  replaced(before: RedisServer): Promise<RedisServer>
  /** Resolves when the master has two replicas that are up to date, and every sentinel knows of all and has nothing under way. */
  whole(): Promise<void>
  stop(): Promise<void>
}

const NAME = 'tokens'
const REPLICAS = 2
const WATCHERS = 3
const WITHIN = 30_000
/**
 * Milliseconds that the master may be silent before it is replaced. Sentinels ask it once a second: with no more than that,
 * one that has just been promoted is now and then replaced at once, and goes on as a second master.
 */
const DOWN_AFTER = 2000

export async function startSentinels(): Promise<Sentinels> {
  const { folder, remove } = await temporaryFolder()
  // See redis-cluster.ts.
  const args = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', '--repl-timeout', '5']
  const nodes: RedisServer[] = []
  for (let n = 0; n <= REPLICAS; n++) nodes.push(await startRedis({ args }))
  const [first, ...others] = nodes as [RedisServer, ...RedisServer[]]
  for (const node of others) await node.command('REPLICAOF', '127.0.0.1', String(first.port))
  await until(() => replicates(first), WITHIN)
  const watchers: Watcher[] = []
  for (let n = 0; n < WATCHERS; n++) watchers.push(await startWatcher(join(folder, `${n}.conf`), first.port))

  const master = async () => {
    const ports = await Promise.all(watchers.map(({ port }) => masterSeenBy(port)))
    return ports.every(port => port === ports[0]) ? nodes.find(({ port }) => port === ports[0]) : undefined
  }
  const whole = () =>
    until(async () => {
      const now = await master()
      const informed = await Promise.all(watchers.map(({ port }) => isReady(port)))
      return now !== undefined && (await replicates(now)) && informed.every(Boolean)
    }, WITHIN)
  await whole()
  return {
    nodes,
    client: { name: NAME, sentinelRootNodes: watchers.map(({ port }) => ({ host: '127.0.0.1', port })) },
    master,
    replicasOf: master => nodes.filter(node => node !== master),
    // Not while one is under way, or just over.
    failOver: () =>
      until(async () => {
        const reply = await ask(Number(watchers[0]?.port), ['SENTINEL', 'FAILOVER', NAME])
        return reply.startsWith('+OK')
      }, WITHIN),
    replaced: async before => {
      let now: RedisServer | undefined
      await until(async () => {
        now = await master()
        return now !== undefined && now !== before && (await now.command('INFO', 'replication')).includes('role:master')
      }, WITHIN)
      return now as RedisServer
    },
    whole,
    stop: async () => {
      for (const { stop } of watchers) await stop()
      await Promise.all(nodes.map(node => node.kill()))
      await remove()
    },
  }
}

interface Watcher {
  readonly port: number
  stop(): Promise<void>
}

async function startWatcher(file: string, masterPort: number): Promise<Watcher> {
  const port = await freePort()
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER}`,
    `sentinel failover-timeout ${NAME} 3000`,
    `sentinel parallel-syncs ${NAME} ${REPLICAS}`,
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  const server = spawn(findRedisServer() as string, [file, '--sentinel'], { stdio: 'ignore' })
  const kill = () => void server.kill('SIGKILL')
  atExit.add(kill)
  server.once('exit', () => atExit.delete(kill))
  await until(async () => (await ask(port, ['PING'])).includes('PONG'), WITHIN)
  return { port, stop: () => end(server) }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const gone = once(server, 'exit')
  server.kill('SIGKILL')
  await gone
}

async function masterSeenBy(watcher: number): Promise<number> {
  const reply = await ask(watcher, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME])
  return Number(/127\.0\.0\.1\r\n\$\d+\r\n(\d+)/.exec(reply)?.[1])
}

async function isReady(watcher: number): Promise<boolean> {
  const reply = await ask(watcher, ['SENTINEL', 'MASTER', NAME])
  const figure = (name: string) => Number(new RegExp(`${name}\r\n\\$\\d+\r\n(\\d+)`).exec(reply)?.[1])
  const calm = /\r\nflags\r\n\$\d+\r\nmaster\r\n/.test(reply)
  return calm && figure('num-other-sentinels') === WATCHERS - 1 && figure('num-slaves') >= REPLICAS
}

async function replicates(master: RedisServer): Promise<boolean> {
  const state = await master.command('INFO', 'replication')
  return state.match(/state=online/g)?.length === REPLICAS
}
