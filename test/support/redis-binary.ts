import { type StdioOptions, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

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
  const privilege = aptPrivilege()
  if (!privilege) throw new Error(HOW_TO_INSTALL)
  apt(privilege, ['update'])
  apt(privilege, ['install', '-y', '--no-install-recommends', 'redis-server'])
  const installed = findRedisServer()
  if (!installed) throw new Error(HOW_TO_INSTALL)
  return installed
}

const HOW_TO_INSTALL =
  'The tests need a Redis server: install redis-server or valkey-server (Debian: apt-get install redis-server; macOS: brew install redis), or name one in REDIS_SERVER.'

function findOnPath(names: readonly string[], path: string): string | undefined {
  const candidates = names.flatMap(name => path.split(delimiter).map(folder => join(folder, name)))
  return candidates.find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The words to put before apt-get, or undefined where it may not be run without asking somebody. */
function aptPrivilege(): readonly string[] | undefined {
  if (!existsSync('/etc/debian_version') || !findOnPath(['apt-get'], process.env.PATH ?? '')) return undefined
  if (process.getuid?.() === 0) return ['env']
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n', 'env'] : undefined
}

function apt([command = 'env', ...rest]: readonly string[], args: readonly string[]): void {
  console.error(`No redis-server found: running apt-get ${args.join(' ')}`)
  // apt's output goes to stderr: what the tests print is alone on stdout.
  const stdio: StdioOptions = ['ignore', 2, 2]
  const { status } = spawnSync(command, [...rest, 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args], { stdio })
  if (status !== 0) throw new Error(`apt-get ${args[0]} failed. ${HOW_TO_INSTALL}`)
}
