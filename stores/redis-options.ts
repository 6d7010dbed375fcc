import { isPlainObject, notAnOption } from './options.js'
import { isClient } from './redis-commands.js'
import { isIoRedis } from './redis-ioredis.js'
import type { IoRedisOptions } from './redis-ioredis-line.js'
import type { RedisClientOptions } from './redis-node-types.js'
import { ADDRESS_FORMS, isText, isWholeNumber, problemOfSocket, TLS_FORM } from './redis-socket-options.js'

const STORE = 'RedisTokenStore'

const TAKES =
  "takes a url ('redis://localhost:6379', a string), options of node-redis, or a client of node-redis 5 or of ioredis 5 or 6"

/**
 * All options that `createClient` of node-redis 5 takes. The store rejects all others, because node-redis ignores them
 * and could then connect to localhost.
 */
const CLIENT_OPTIONS: Record<keyof RedisClientOptions, true> = {
  url: true,
  socket: true,
  username: true,
  password: true,
  credentialsProvider: true,
  name: true,
  database: true,
  commandsQueueMaxLength: true,
  disableOfflineQueue: true,
  readonly: true,
  pingInterval: true,
  commandOptions: true,
  clientSideCache: true,
  disableClientInfo: true,
  clientInfoTag: true,
  emitInvalidate: true,
  maintNotifications: true,
  maintEndpointType: true,
  maintRelaxedCommandTimeout: true,
  maintRelaxedSocketTimeout: true,
  modules: true,
  functions: true,
  scripts: true,
  RESP: true,
  unstableResp3: true,
}

const CLUSTER_FORM =
  'for a Cluster or Sentinel, give a client made with createCluster or createSentinel of node-redis, or one of ioredis'
const IOREDIS_FORM = 'for options of ioredis, give the client itself: new Redis(options)'
const SECOND_FORM = 'it belongs in the second argument'

const IOREDIS_ALSO = '; or give a client of ioredis: new Redis(...)'

/** Names of options of other packages, and names that belong elsewhere in the arguments, with what to write instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...namesFor(ADDRESS_FORMS + IOREDIS_ALSO, [
    ...['host', 'hostname', 'server', 'address', 'addr', 'ip', 'endpoint', 'port', 'path', 'unixSocket', 'socketPath'],
  ]),
  ...namesFor(CLUSTER_FORM, [
    ...['cluster', 'rootNodes', 'nodes', 'startupNodes', 'redisOptions', 'clusterOptions', 'defaults'],
    ...['sentinel', 'sentinelRootNodes', 'sentinels', 'masterName', 'masterSet'],
  ]),
  ...namesFor(TLS_FORM, ['ssl', 'tls', 'ca', 'cert', 'rejectUnauthorized', 'servername']),
  ...namesFor('give the client itself, not an object that holds it', ['client', 'redis', 'connection']),
  ...namesFor(SECOND_FORM, ['prefix', 'timeout']),
  ...namesFor('write url', ['uri', 'connectionString', 'redisUrl', 'redisUri']),
  ...namesFor('write database', ['db', 'dbIndex']),
  ...namesFor('write username', ['user']),
  ...namesFor('write password', ['pass', 'auth', 'auth_pass', 'authPass']),
  ...namesFor('write name', ['connectionName', 'clientName']),
  ...namesFor('write { socket: { ... } }', ['family', 'connectTimeout', 'socketTimeout', 'keepAlive', 'noDelay']),
  ...namesFor(`${SECOND_FORM}, as prefix`, ['keyPrefix', 'namespace']),
  ...namesFor(IOREDIS_FORM, [
    ...['lazyConnect', 'retryStrategy', 'reconnectOnError', 'maxRetriesPerRequest', 'maxLoadingRetryTime'],
    ...['enableOfflineQueue', 'enableReadyCheck', 'enableAutoPipelining', 'autoResubscribe', 'autoPipelining'],
    ...['autoResendUnfulfilledCommands', 'commandTimeout', 'stringNumbers', 'protocol', 'role', 'scaleReads', 'natMap'],
    ...['clusterRetryStrategy', 'sentinelRetryStrategy', 'sentinelPassword', 'sentinelUsername', 'Connector'],
  ]),
}

/** The types of options for which node-redis accepts a wrong type and fails later. */
const TYPES: Readonly<Record<string, readonly [isRight: (value: unknown) => boolean, words: string]>> = {
  username: [isString, 'a string'],
  password: [isString, 'a string'],
  name: [isString, 'a string'],
  database: [isWholeNumber, 'a whole number from 0'],
  pingInterval: [isNumber, 'a whole number of milliseconds'],
  commandsQueueMaxLength: [value => isNumber(value) && value !== 0, 'a whole number from 1'],
  RESP: [value => value === 2 || value === 3, '2 or 3'],
}

/** Checks `connect`. @throws TypeError if the store cannot connect with it, or would connect to the wrong server. */
export function checkConnect(connect: unknown): void {
  if (isText(connect)) checkUrl(connect)
  else if (Array.isArray(connect)) throw new TypeError(`${STORE} does not take an array; ${CLUSTER_FORM}`)
  else if (isClient(connect) && isIoRedis(connect)) checkIoRedis((connect as { options?: IoRedisOptions }).options)
  else if (isClient(connect)) checkClient(connect)
  else if (isPlainObject(connect)) checkOptions(connect as Record<string, unknown>)
  else throw new TypeError(`${STORE} ${TAKES}`)
}

function checkClient(client: object): void {
  if ('totalClients' in client) {
    throw new TypeError(
      `${STORE} does not take a pool of node-redis; give a client made with createClient: all calls must use the same connection`,
    )
  }
  const { evalSha, options } = client as { evalSha?: unknown; options?: { readonly?: unknown } }
  if (options?.readonly) throw replicasAnswer('readonly')
  if (typeof evalSha !== 'function') throw new TypeError(`${STORE} does not take this client; it ${TAKES}`)
}

function checkIoRedis(options: IoRedisOptions = {}): void {
  if (options.readOnly) throw replicasAnswer('readOnly')
  if (options.role === 'slave') throw replicasAnswer('role')
}

function replicasAnswer(option: string): TypeError {
  return new TypeError(
    `${STORE}: the option ${option} lets a replica answer, which may not have the latest logouts; leave it out`,
  )
}

function checkOptions(options: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CLIENT_OPTIONS, name)) throw new TypeError(`${STORE}: ${notTaken(name)}`)
    const [isRight, words] = (Object.hasOwn(TYPES, name) && TYPES[name]) || []
    if (value !== undefined && isRight?.(value) === false) throw new TypeError(`${STORE}: ${name} must be ${words}`)
  }
  // With `url: undefined`, for example from an environment variable that is not set, node-redis would connect to
  // localhost.
  if ('url' in options && !isText(options.url)) throw new TypeError(`${STORE}: url must be a non-empty string`)
  if (isText(options.url)) checkUrl(options.url)
  if (options.readonly) throw replicasAnswer('readonly')
  const problem = options.socket === undefined ? undefined : problemOfSocket(options.socket, options.url)
  if (problem !== undefined) throw new TypeError(`${STORE}: ${problem}`)
}

function notTaken(name: string): string {
  const elsewhere = Object.keys(ELSEWHERE).find(each => each.toLowerCase() === name.toLowerCase())
  if (elsewhere === undefined) return notAnOption(name, Object.keys(CLIENT_OPTIONS), 'it takes those of createClient')
  return `${JSON.stringify(name)} is not an option of node-redis; ${ELSEWHERE[elsewhere]}`
}

/** Checks that a url names a host: node-redis reads `redis:6379` as localhost, database 6379. @throws TypeError */
function checkUrl(url: string): void {
  if (/^rediss?:/i.test(url) && !/^rediss?:\/\/[^/?#]/i.test(url)) {
    throw new TypeError(`${STORE}: the url names no host; write redis://host:port`)
  }
}

function isString(value: unknown): boolean {
  return typeof value === 'string'
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && isWholeNumber(value)
}

function namesFor(form: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map(name => [name, form]))
}
