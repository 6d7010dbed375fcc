import { warnOnce } from '../src/request/warn.js'
import type { StoreFinding } from '../src/store.js'

const INSTEAD =
  'Use a store that processes share: SqliteTokenStore on one machine, RedisTokenStore or PostgresTokenStore on any number of machines'

const WORKER =
  'each worker has its own memory: a login of one worker is unknown to the others, which refuse its tokens as revoked, and a logout holds in one worker only'

/** What is wrong with sessions in the memory of this process. */
export function memoryFindings(): StoreFinding[] {
  const restart = {
    code: 'memory-restart',
    message: `Sessions are in the memory of this process: a restart ends all, and revoked tokens without a session are valid again. ${INSTEAD}.`,
  }
  const worker = {
    code: 'memory-worker',
    message: `This process is one of several, and sessions are in its memory. So ${WORKER}. ${INSTEAD}.`,
  }
  return isOneOfSeveral() ? [worker, restart] : [restart]
}

/** Warns if this process is one of several, because its memory is not that of the others. `store`: the class. */
export function warnInWorker(store: string): void {
  if (!isOneOfSeveral()) return
  warnOnce(
    'AUTHX_MEMORY_IN_WORKER',
    `${store} keeps sessions in the memory of this process, and this process is one of several. So ${WORKER}. ${INSTEAD}.`,
  )
}

/**
 * Whether this process is a worker of node:cluster, or not the first of those that a process manager has started. pm2
 * numbers its processes in NODE_APP_INSTANCE, from 0; the first one cannot know whether there are others, unless pm2
 * has made it a worker.
 */
export function isOneOfSeveral(): boolean {
  return isClusterWorker() || Number(process.env.NODE_APP_INSTANCE) > 0
}

/** Only a process with a parent that it can send to is a worker. Others need not load node:cluster, which takes time. */
function isClusterWorker(): boolean {
  if (process.send === undefined) return false
  const cluster = (process as BuiltinModules).getBuiltinModule?.('node:cluster') as { isWorker?: boolean } | undefined
  return cluster?.isWorker === true
}

type BuiltinModules = { getBuiltinModule?(name: string): unknown }
