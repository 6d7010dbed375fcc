import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Installs the packages of a tool with a lockfile of its own, unless they are there. Throws if npm fails. */
export function installPackages(folder: string): void {
  if (!hasPackages(folder)) runIn(folder, 'npm', ['ci', '--no-audit', '--no-fund'])
}

/** Whether what is installed is what the lockfile says. */
function hasPackages(folder: string): boolean {
  const installed = join(folder, 'node_modules/.package-lock.json')
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs
}

/** Runs a command to its end, with its output on this terminal. Throws unless its exit code is 0. */
export function runIn(folder: string, command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
}
