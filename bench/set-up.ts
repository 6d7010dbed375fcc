import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { findOnPath, installPackage } from '../test/support/debian.js'

const HERE = import.meta.dirname
const ROOT = join(HERE, '..')
const HOW_TO_INSTALL = 'The benchmarks need wrk: install it (Debian: apt-get install wrk; macOS: brew install wrk).'

/** Whatever a run needs: wrk, the packages of bench/, the built library and the servers, as plain JavaScript. */
export function setUp({ build }: { build: boolean }): void {
  if (!findOnPath(['wrk'])) installPackage('wrk', HOW_TO_INSTALL)
  if (!hasPackages()) run('npm', ['ci', '--no-audit', '--no-fund'], HERE)
  linkLibrary()
  if (build) run('npm', ['run', '--silent', 'build'], ROOT)
  // Compiled, because tsx wraps functions, and a server that is measured is to run as its users would run it.
  run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', join(HERE, 'servers')], ROOT)
}

/** Whether what is installed is what the lockfile says. */
function hasPackages(): boolean {
  const installed = join(HERE, 'node_modules/.package-lock.json')
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(HERE, 'package-lock.json')).mtimeMs
}

/**
 * The servers import the library by its name and so by its `exports`, as users do. A dependency of bench/package.json
 * would do the same, but repeat the library's own package.json in the lockfile.
 */
function linkLibrary(): void {
  const link = join(HERE, 'node_modules/koa-authx')
  if (!lstatSync(link, { throwIfNoEntry: false })) symlinkSync('../..', link, 'dir')
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
}
