import { didYouMean } from '../src/config/nearest.js'
import { isPlainObject, notAnOption } from './options.js'
import { isClient } from './redis-commands.js'
import type { RedisClientOptions } from './redis-own-client.js'

const STORE = 'RedisTokenStore'

const TAKES = "takes a url ('redis://localhost:6379', a string), options of node-redis, or a client of node-redis 5"

/** All options that `createClient` of node-redis 5 takes. It ignores others, and then connects to this machine. */
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

/** Those of `socket` that decide where to connect and when to give up. What else Node's net and tls take passes. */
const SOCKET_OPTIONS = ['host', 'port', 'path', 'tls', 'connectTimeout', 'socketTimeout', 'reconnectStrategy']

const ADDRESS_FORMS = "write { socket: { host, port } }, { socket: { path } } or { url: 'redis://host:port' }"
const CLUSTER_FORM =
  'for a Cluster or Sentinel, give the client that createCluster or createSentinel of node-redis made'
const REPLICAS_ANSWER = `${STORE}: the option readonly lets a replica answer, which may not know yet of what was revoked; leave it out`
const SECOND_FORM = 'it belongs into the second argument'

/** What other packages, or this one elsewhere, call it, and what to write instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...namesFor(ADDRESS_FORMS, ['host', 'hostname', 'server', 'address', 'port', 'path', 'unixSocket']),
  ...namesFor(CLUSTER_FORM, ['rootNodes', 'nodes', 'startupNodes', 'sentinelRootNodes', 'sentinels']),
  ...namesFor(SECOND_FORM, ['prefix', 'timeout']),
  ...namesFor('write url', ['uri', 'connectionString']),
  ...namesFor('write database', ['db']),
  ...namesFor('write username', ['user']),
  ...namesFor('write password', ['pass', 'auth', 'auth_pass']),
  ...namesFor('write name', ['connectionName', 'clientName']),
  ...namesFor('write { socket: { ... } }', [
    'tls',
    'family',
    'connectTimeout',
    'socketTimeout',
    'keepAlive',
    'noDelay',
  ]),
  ...namesFor(`${SECOND_FORM}, as prefix`, ['keyPrefix', 'namespace']),
}

/** @throws TypeError for what RedisTokenStore cannot connect with, or would connect with to another Redis than is meant. */
export function checkConnect(connect: unknown): void {
  if (typeof connect === 'string' && connect !== '') return
  if (Array.isArray(connect)) throw new TypeError(`${STORE}: an array is no Redis; ${CLUSTER_FORM}`)
  if (isClient(connect)) checkClient(connect)
  else if (isPlainObject(connect)) checkOptions(connect as Record<string, unknown>)
  else throw new TypeError(`${STORE} ${TAKES}`)
}

function checkClient(client: object): void {
  if ('totalClients' in client) {
    throw new TypeError(
      `${STORE} does not take a pool of node-redis; give the client that createClient made, whose connection all calls share`,
    )
  }
  const { evalSha, options } = client as { evalSha?: unknown; options?: { readonly?: unknown } }
  if (options?.readonly) throw new TypeError(REPLICAS_ANSWER)
  if (typeof evalSha === 'function') return
  const whose = typeof (client as { evalsha?: unknown }).evalsha === 'function' ? 'a client of ioredis' : 'this client'
  throw new TypeError(`${STORE} does not take ${whose}; it ${TAKES}`)
}

function checkOptions(options: Record<string, unknown>): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(CLIENT_OPTIONS, name)) continue
    const form = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined
    if (form !== undefined)
      throw new TypeError(`${STORE}: ${JSON.stringify(name)} is not an option of node-redis; ${form}`)
    throw new TypeError(`${STORE}: ${notAnOption(name, Object.keys(CLIENT_OPTIONS), 'it takes those of createClient')}`)
  }
  // A variable of the environment that is not set would be this machine.
  if ('url' in options && !isText(options.url)) throw new TypeError(`${STORE}: url must be a non-empty string`)
  if (options.readonly) throw new TypeError(REPLICAS_ANSWER)
  if (options.socket !== undefined) checkSocket(options.socket)
}

function checkSocket(socket: unknown): void {
  if (!isPlainObject(socket)) throw new TypeError(`${STORE}: socket must be an object; ${ADDRESS_FORMS}`)
  for (const [name, value] of Object.entries(socket)) {
    if (['host', 'path'].includes(name) && !isText(value)) {
      throw new TypeError(`${STORE}: socket.${name} must be a non-empty string`)
    }
    if (name.endsWith('Timeout') && value !== undefined && !(Number.isInteger(value) && Number(value) >= 0)) {
      throw new TypeError(`${STORE}: socket.${name} must be a whole number of milliseconds`)
    }
    if (name === 'port' && !isPort(value)) throw new TypeError(`${STORE}: socket.port must be a number from 1 to 65535`)
    if (['hostname', 'server', 'address', 'url'].includes(name.toLowerCase()) || isMisspelt(name)) {
      throw new TypeError(`${STORE}: ${notAnOption(name, SOCKET_OPTIONS, ADDRESS_FORMS)}`)
    }
  }
}

const isMisspelt = (name: string) => !SOCKET_OPTIONS.includes(name) && didYouMean(name, SOCKET_OPTIONS, '') !== ''

const isText = (value: unknown) => typeof value === 'string' && value !== ''

/** As a string too: environment variables are. */
const isPort = (value: unknown) => /^\d{1,5}$/.test(String(value)) && Number(value) >= 1 && Number(value) <= 65_535

function namesFor(form: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map(name => [name, form]))
}
