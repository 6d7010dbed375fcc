import { findProgram, installProgram, type Program } from './debian.js'

const SERVER: Program = {
  variable: 'REDIS_SERVER',
  names: ['redis-server', 'valkey-server'],
  package: 'redis-server',
  howToInstall:
    'The tests need a Redis server: install redis-server or valkey-server (Debian: apt-get install redis-server; macOS: brew install redis), or name one in REDIS_SERVER.',
}

/** The server that the tests run: `REDIS_SERVER` if it is set, else redis-server or valkey-server from the PATH. */
export const findRedisServer = (): string | undefined => findProgram(SERVER)

export const installRedisServer = (): string => installProgram(SERVER)
