import { readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { findOnPath, installPackage } from './debian.js'

const DEBIAN = '/usr/lib/postgresql'
const HOW_TO =
  'The tests need PostgreSQL: install it (Debian: apt-get install postgresql), or name the folder of initdb and postgres in POSTGRES_BIN. They run its servers on Linux only.'
const HOW_TO_POOL = 'The tests need PgBouncer: install it (Debian: apt-get install pgbouncer), or put it on the PATH.'

/** The programs of PostgreSQL. Debian keeps them in a folder for each version, which is not on the PATH. */
export function findPostgres(): { program(name: string): string } | undefined {
  const named = process.env.POSTGRES_BIN
  const folders = named ? [named] : [...foldersOfDebian(), ...(process.env.PATH ?? '').split(delimiter)]
  for (const folder of folders) {
    if (isThere(folder)) return { program: name => join(folder, name) }
  }
  if (named) throw new Error(`POSTGRES_BIN names no folder with initdb and postgres: ${named}`)
  return undefined
}

export function installPostgres(): { program(name: string): string } {
  installPackage('postgresql', HOW_TO)
  const installed = findPostgres()
  if (!installed) throw new Error(HOW_TO)
  return installed
}

/** PgBouncer; Debian's is in /usr/sbin, which is not on everybody's PATH. */
export function findPgBouncer(): string {
  return findOnPath(['pgbouncer'], ['/usr/sbin']) ?? installPgBouncer()
}

export function installPgBouncer(): string {
  installPackage('pgbouncer', HOW_TO_POOL)
  const installed = findOnPath(['pgbouncer'], ['/usr/sbin'])
  if (!installed) throw new Error(HOW_TO_POOL)
  return installed
}

/** PostgreSQL and PgBouncer refuse to run as root: the user to run them as then. */
export function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find(line => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody')
}

function foldersOfDebian(): string[] {
  try {
    const versions = readdirSync(DEBIAN).sort((one, other) => Number(other) - Number(one))
    return versions.map(version => join(DEBIAN, version, 'bin'))
  } catch {
    return []
  }
}

function isThere(folder: string): boolean {
  try {
    const names = readdirSync(folder)
    return names.includes('initdb') && names.includes('postgres')
  } catch {
    return false
  }
}
