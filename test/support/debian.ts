import { type StdioOptions, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A program that tests need. */
export interface Program {
  /** The environment variable that may name it. */
  readonly variable: string
  readonly names: readonly string[]
  /** Debian's. */
  readonly package: string
  /** One line. */
  readonly howToInstall: string
}

/** The program that its variable names, else the first of its names that is on the PATH. */
export function findProgram({ variable, names }: Program): string | undefined {
  const named = process.env[variable]
  if (!named) return findOnPath(names)
  const found = isExecutable(named) ? named : findOnPath([named])
  if (!found) throw new Error(`${variable} names no program: ${named}`)
  return found
}

/** Installs Debian's package where that is allowed; throws an error of one line that says what to do where not. */
export function installProgram(program: Program): string {
  installPackage(program.package, program.howToInstall)
  const installed = findProgram(program)
  if (!installed) throw new Error(program.howToInstall)
  return installed
}

/** The first of these programs that is on the PATH, or in one of these folders besides. */
export function findOnPath(names: readonly string[], more: readonly string[] = []): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...more]
  const candidates = names.flatMap(name => folders.map(folder => join(folder, name)))
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

/** Installs a package of Debian's where that is allowed; throws `howTo` where not, or where it fails. */
export function installPackage(name: string, howTo: string): void {
  const privilege = aptPrivilege()
  if (!privilege) throw new Error(howTo)
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', name]]) {
    console.error(`No ${name} found: running apt-get ${args.join(' ')}`)
    if (!apt(privilege, args)) throw new Error(`apt-get ${args[0]} failed. ${howTo}`)
  }
}

/** The words to put before apt-get, or undefined where it may not be run without asking somebody. */
function aptPrivilege(): readonly string[] | undefined {
  if (!existsSync('/etc/debian_version') || !findOnPath(['apt-get'])) return undefined
  if (process.getuid?.() === 0) return ['env']
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n', 'env'] : undefined
}

function apt([command = 'env', ...rest]: readonly string[], args: readonly string[]): boolean {
  // apt's output goes to stderr: what the tests print is alone on stdout.
  const stdio: StdioOptions = ['ignore', 2, 2]
  const { status } = spawnSync(command, [...rest, 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args], { stdio })
  return status === 0
}
