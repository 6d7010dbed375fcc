import type { RedisServer } from './redis.js'
import { until } from './until.js'

/** From now on the replicas of `master` learn nothing from it, and go on serving what they have. */
export async function cutOffReplicas(master: RedisServer): Promise<void> {
  await master.command('ACL', 'SETUSER', 'default', '-psync', '-sync')
  await master.command('CLIENT', 'KILL', 'TYPE', 'replica')
}

/**
 * The replicas of `master` read from it again. They still may not use SYNC, which is what a replica tries next when PSYNC
 * is refused: with the right to both, one that comes in between goes on by SYNC, and counts what it has read from 0.
 */
export async function reconnectReplicas(master: RedisServer): Promise<void> {
  await master.command('ACL', 'SETUSER', 'default', '+psync')
}

/** Resolves when the replicas have all that `master` has written so far. */
export async function upToDate(master: RedisServer, replicas: readonly RedisServer[]): Promise<void> {
  const offset = async (node: RedisServer, name: string) =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await node.command('INFO', 'replication'))?.[1])
  const written = await offset(master, 'master_repl_offset')
  await until(async () => {
    const read = await Promise.all(replicas.map(node => offset(node, 'slave_repl_offset')))
    return read.every(each => each >= written)
  }, 20_000)
}
