import { didYouMean } from '../src/config/nearest.js'
import { isPlainObject } from './options.js'
import type { RedisClientOptions } from './redis-node-types.js'

type KeysOf<T> = T extends unknown ? keyof T : never
type SocketOption = KeysOf<NonNullable<RedisClientOptions['socket']>>

export const ADDRESS_FORMS = "write { socket: { host, port } }, { socket: { path } } or { url: 'redis://host:port' }"
export const TLS_FORM = 'write { socket: { tls: true } }, with other options of TLS next to tls'

/** Options of TLS. Without `tls: true` node-redis ignores them, and the connection is not encrypted. */
const TLS_OPTIONS = {
  ALPNCallback: true,
  allowPartialTrustChain: true,
  ALPNProtocols: true,
  ca: true,
  cert: true,
  checkServerIdentity: true,
  ciphers: true,
  clientCertEngine: true,
  crl: true,
  dhparam: true,
  ecdhCurve: true,
  enableTrace: true,
  honorCipherOrder: true,
  key: true,
  maxVersion: true,
  minDHSize: true,
  minVersion: true,
  passphrase: true,
  pfx: true,
  privateKeyEngine: true,
  privateKeyIdentifier: true,
  pskCallback: true,
  rejectUnauthorized: true,
  requestCert: true,
  secureContext: true,
  secureOptions: true,
  secureProtocol: true,
  servername: true,
  session: true,
  sessionIdContext: true,
  sessionTimeout: true,
  sigalgs: true,
  SNICallback: true,
  ticketKeys: true,
} as const

/** All options that node-redis passes to Node's net and tls, except `timeout`, which it sets itself. */
const SOCKET_OPTIONS: Record<Exclude<SocketOption, 'timeout'>, true> = {
  host: true,
  port: true,
  path: true,
  tls: true,
  connectTimeout: true,
  socketTimeout: true,
  reconnectStrategy: true,
  family: true,
  keepAlive: true,
  keepAliveInitialDelay: true,
  noDelay: true,
  lookup: true,
  hints: true,
  localAddress: true,
  localPort: true,
  allowHalfOpen: true,
  autoSelectFamily: true,
  autoSelectFamilyAttemptTimeout: true,
  fd: true,
  signal: true,
  socket: true,
  ...TLS_OPTIONS,
}

/** Wrong names in `socket`, and what to write instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  timeout: 'write connectTimeout or socketTimeout',
  ssl: TLS_FORM,
}
const BESIDE = ['url', 'username', 'password', 'database', 'name', 'RESP', 'pingInterval', 'commandsQueueMaxLength']

/** Checks the option `socket`, together with the option `url`. Returns what is wrong, or `undefined`. */
export function problemOfSocket(socket: unknown, url: unknown): string | undefined {
  if (!isPlainObject(socket)) return `socket must be an object; ${ADDRESS_FORMS}`
  const given = Object.entries(socket)
  for (const [name, value] of given) {
    const problem = problemOf(name, value)
    if (problem !== undefined) return problem
  }
  return problemOfTogether(socket as Record<string, unknown>, url)
}

function problemOf(name: string, value: unknown): string | undefined {
  if (!Object.hasOwn(SOCKET_OPTIONS, name))
    return `${JSON.stringify(name)} is not an option of socket; ${whatElse(name)}`
  if (['host', 'path'].includes(name) && !isText(value)) return `socket.${name} must be a non-empty string`
  if (name === 'port' && !isPort(value)) return 'socket.port must be a number from 1 to 65535'
  if (value === undefined) return undefined
  if (/^(connect|socket)Timeout$/.test(name) && !(typeof value === 'number' && isWholeNumber(value))) {
    return `socket.${name} must be a whole number of milliseconds`
  }
  // node-redis reads anything but true as false.
  if (name === 'tls' && typeof value !== 'boolean') return `socket.tls must be true or false; ${TLS_FORM}`
  return undefined
}

function problemOfTogether(socket: Record<string, unknown>, url: unknown): string | undefined {
  const address = ['host', 'path'].find(name => name in socket)
  if (typeof url === 'string' && address) return `url and socket.${address} name two addresses; leave one of them out`
  const ofTls = Object.keys(TLS_OPTIONS).find(name => socket[name] !== undefined)
  const isSecure = socket.tls === true || (typeof url === 'string' && /^rediss:/i.test(url))
  if (ofTls && !isSecure) return `socket.${ofTls} is for TLS only; add tls: true, or write a url with rediss://`
  return undefined
}

function whatElse(name: string): string {
  if (Object.hasOwn(INSTEAD, name)) return INSTEAD[name] as string
  const beside = BESIDE.find(each => each.toLowerCase() === name.toLowerCase())
  if (beside !== undefined) return `${beside} belongs next to socket, not in it`
  return didYouMean(name, Object.keys(SOCKET_OPTIONS), ADDRESS_FORMS)
}

export const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

/** Accepts strings too, because environment variables are strings. */
export const isWholeNumber = (value: unknown) => /^\d{1,15}$/.test(String(value))

const isPort = (value: unknown) => isWholeNumber(value) && Number(value) >= 1 && Number(value) <= 65_535
