import { findOnPath, installPackage, isExecutable } from './debian.js'

const SERVERS = ['redis-server', 'valkey-server']

/** The server that the tests run: `REDIS_SERVER` if it is set, else redis-server or valkey-server from PATH. */
export function findRedisServer(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env.REDIS_SERVER
  if (!named) return findOnPath(SERVERS, env.PATH ?? '')
  const found = isExecutable(named) ? named : findOnPath([named], env.PATH ?? '')
  if (!found) throw new Error(`REDIS_SERVER names no program: ${named}`)
  return found
}

/** Installs Debian's redis-server where that is allowed; throws an error of one line that says what to do where not. */
export function installRedisServer(): string {
  installPackage('redis-server', HOW_TO_INSTALL)
  const installed = findRedisServer()
  if (!installed) throw new Error(HOW_TO_INSTALL)
  return installed
}

const HOW_TO_INSTALL =
  'The tests need a Redis server: install redis-server or valkey-server (Debian: apt-get install redis-server; macOS: brew install redis), or name one in REDIS_SERVER.'
