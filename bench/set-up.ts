import { lstatSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { findOnPath, installPackage } from '../test/support/debian.js'
import { installPackages, runIn } from '../tools/packages.js'

const HERE = import.meta.dirname
const ROOT = join(HERE, '..')
const HOW_TO_INSTALL = 'The benchmarks need wrk: install it (Debian: apt-get install wrk; macOS: brew install wrk).'

/** Whatever a run needs: wrk, the packages of bench/, the built library and the servers, as plain JavaScript. */
export function setUp({ build }: { build: boolean }): void {
  if (!findOnPath(['wrk'])) installPackage('wrk', HOW_TO_INSTALL)
  installPackages(HERE)
  linkLibrary()
  if (build) runIn(ROOT, 'npm', ['run', '--silent', 'build'])
  // Compiled, because tsx wraps functions, and a server that is measured is to run as its users would run it.
  runIn(ROOT, join(ROOT, 'node_modules/.bin/tsc'), ['-p', join(HERE, 'servers')])
}

/**
 * The servers import the library by its name and so by its `exports`, as users do. A dependency of bench/package.json
 * would do the same, but repeat the library's own package.json in the lockfile.
 */
function linkLibrary(): void {
  const link = join(HERE, 'node_modules/koa-authx')
  if (!lstatSync(link, { throwIfNoEntry: false })) symlinkSync('../..', link, 'dir')
}
