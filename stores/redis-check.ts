import { randomUUID } from 'node:crypto'
import type { StoreFinding } from '../src/store.js'
import { Deadline, withDeadline } from '../src/time/deadline.js'
import { CHECK_MS } from './check-words.js'
import type { RedisNode } from './redis-commands.js'
import type { RedisConnection } from './redis-connection.js'
import { findingsOf, type RedisSight, SETTINGS, unreachable } from './redis-findings.js'
import { RedisStoreError } from './redis-refusal.js'
import { NEVER, script, scriptSha } from './redis-script.js'

const NODE_MS = 3000

/** The refusals of a write that Redis would otherwise do. A Cluster answers MOVED if another node has the key. */
const NO_WRITES = /^(READONLY|OOM|MISCONF|NOREPLICAS)$/
/** Answers of a server that has checked the permissions before. */
const PERMITTED = /^(MOVED|ASK|NOSCRIPT|TRYAGAIN)$/

type Ask = (rule: string, ...command: string[]) => Promise<Answer>
type Answer = { reply: unknown } | { reason: string; rule: string | undefined }

/** Asks all servers of a connection, and returns what is wrong with them. */
export function checkRedis(connection: RedisConnection, prefix: string, timeout: number): Promise<StoreFinding[]> {
  return connection.call(
    async () => {
      const nodes = await connection.nodes()
      const [only] = nodes
      if (nodes.length === 1 && only?.name === '') return findingsOf([await look(connection, only, prefix)])
      const looks = nodes.map(node => withDeadline(new Deadline(NODE_MS), () => look(connection, node, prefix)))
      return findingsOfNodes(nodes, await Promise.allSettled(looks))
    },
    Math.max(CHECK_MS, timeout),
  )
}

/** @throws the first error, if no node answers. */
function findingsOfNodes(nodes: readonly RedisNode[], looks: PromiseSettledResult<RedisSight>[]): StoreFinding[] {
  const seen = looks.flatMap(each => (each.status === 'fulfilled' ? [each.value] : []))
  const [first] = looks
  if (seen.length === 0) throw first?.status === 'rejected' ? first.reason : new RedisStoreError('no node is known')
  const silent = nodes.filter((_, n) => looks[n]?.status === 'rejected').map(({ name }) => name)
  return [...(silent.length > 0 ? [unreachable(silent)] : []), ...findingsOf(seen)]
}

/**
 * Asks one server. Commands are tried, because the user may seldom ask for its permissions. The key does not exist, so
 * nothing is read and nothing is written: SET with XX changes existing keys only.
 */
async function look(connection: RedisConnection, node: RedisNode, prefix: string): Promise<RedisSight> {
  const key = `${prefix}check:${randomUUID()}`
  const ask = asker(connection, node)
  const isInCluster = node.name !== ''
  const sent = Date.now()
  const [time, others, info, values] = await Promise.all([
    ask('+time', 'TIME').then(answer => ({ answer, received: Date.now() })),
    // In one tick, because ASKING and READWRITE change what the connection does next.
    Promise.all([
      ask('+set', 'SET', key, '', 'XX', 'PX', '1'),
      ask('+get', 'GET', key),
      ask('+eval', 'EVAL', script, '1', key, NEVER, '1', ''),
      ask('+evalsha', 'EVALSHA', scriptSha, '1', key, NEVER, '1', ''),
      ...(isInCluster ? [ask('+cluster|slots', 'CLUSTER', 'SLOTS'), ask('+asking', 'ASKING')] : []),
      ask('+ping', 'PING'),
      ...(node.mayBeReplica ? [ask('+readwrite', 'READWRITE'), ask('+readonly', 'READONLY')] : []),
    ]),
    ask('+info', 'INFO'),
    Promise.all(SETTINGS.map(name => ask('+config|get', 'CONFIG', 'GET', name))),
  ])
  const tried = [time.answer, ...others]
  return {
    node: node.name,
    missing: [...new Set(tried.flatMap(each => ('rule' in each && each.rule !== undefined ? [each.rule] : [])))],
    refused: [...new Set(tried.flatMap(refusedIn))],
    info: fieldsIn(info),
    settings: Object.fromEntries(SETTINGS.map((name, n) => [name, settingIn(values[n])])),
    clock:
      'reply' in time.answer ? { now: millisecondsIn(time.answer.reply), sent, received: time.received } : undefined,
  }
}

/** Sends commands to a server. An error that is not a reply rejects. */
function asker(connection: RedisConnection, node: RedisNode): Ask {
  return async (rule, ...command) => {
    try {
      return { reply: await node.send(command) }
    } catch (error) {
      const refusal = connection.refusal(error, rule)
      if (refusal === undefined) throw error
      const isOptional = rule === '+info' || rule === '+config|get'
      if (!isOptional && refusal.rule === undefined && !isKnown(refusal.reason)) throw error
      return refusal
    }
  }
}

/** Whether a refusal says something about the server. With others, such as LOADING, nothing can be checked. */
function isKnown(reason: string): boolean {
  return NO_WRITES.test(reason) || PERMITTED.test(reason) || reason.startsWith('ERR: ')
}

function refusedIn(answer: Answer): string[] {
  if (!('reason' in answer) || answer.rule !== undefined || PERMITTED.test(answer.reason)) return []
  return [answer.reason]
}

/** The fields of an answer to INFO; `undefined` if Redis has refused it. */
function fieldsIn(answer: Answer): Readonly<Record<string, string>> | undefined {
  if (!('reply' in answer)) return undefined
  return Object.fromEntries(
    [...String(answer.reply).matchAll(/^([a-z_0-9]+):(.*?)\r?$/gm)].map(([, name, value]) => [name, value]),
  )
}

/** The value in an answer to CONFIG GET, which is a list, or a map in RESP 3. */
function settingIn(answer: Answer | undefined): string | undefined {
  if (answer === undefined || !('reply' in answer)) return undefined
  const { reply } = answer
  const parts = Array.isArray(reply)
    ? reply
    : reply instanceof Map
      ? [...reply].flat()
      : Object.entries(reply ?? {}).flat()
  return parts.length > 1 ? String(parts[1]) : undefined
}

function millisecondsIn(reply: unknown): number {
  const [seconds, microseconds] = Array.isArray(reply) ? reply.map(Number) : []
  const now = Number(seconds) * 1000 + Number(microseconds) / 1000
  if (!(now > 0)) throw new RedisStoreError('the answer of Redis to TIME is invalid')
  return now
}
