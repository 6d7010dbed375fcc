import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { findOnPath } from '../test/support/debian.js'

/** The servers that are measured share a core; the load, Redis and PostgreSQL share another. */
export type Core = 'server' | 'others'

const NUMBERS: Readonly<Record<Core, string>> = { others: '0', server: '1' }

/** Without a second core, or without taskset, everything runs where it likes; the page of results says so. */
export const canPin = availableParallelism() > 1 && findOnPath(['taskset']) !== undefined

/** The command that runs `command` on a core, and its arguments. */
export function pinned(core: Core, command: string, args: readonly string[]): [string, string[]] {
  return canPin ? ['taskset', ['--cpu-list', NUMBERS[core], command, ...args]] : [command, [...args]]
}

/** Put a process that runs already on a core. */
export function pin(core: Core, pid: number): void {
  if (canPin) spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', NUMBERS[core], String(pid)])
}
