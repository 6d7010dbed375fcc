import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Ends what hangs. node counts a file as a test too: this bounds each file as a whole. */
const TEST_TIMEOUT_MS = 600_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Ends this process with the exit code of `main`, or with 1 and the message of what it throws. */
export function exitWith(main: Promise<number>): void {
  main.then(
    code => process.exit(code),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error)
      process.exit(1)
    },
  )
}

/** Aborts on a signal that would end this process: the tests are ended then, and what was started for them after them. */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const signal of SIGNALS) process.on(signal, () => controller.abort(new Error(`Ended by ${signal}.`)))
  return controller.signal
}

/** Node 20 does not expand `**` in the arguments of `--test`. */
export function filesEndingIn(ending: string, folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const tests = entries.filter(entry => entry.endsWith(ending))
  if (tests.length === 0) throw new Error(`No test file found: tests are the files ${folder}/**/*${ending}.`)
  return tests.map(entry => join(folder, entry)).sort()
}

/** The exit code of node's test runner. `atOnce` of the files run at the same time, each in a process of its own. */
export async function runFiles(
  files: readonly string[],
  atOnce: number,
  env: NodeJS.ProcessEnv,
  interrupted: AbortSignal,
): Promise<number> {
  interrupted.throwIfAborted()
  const options = ['--test-reporter=spec', `--test-timeout=${TEST_TIMEOUT_MS}`, `--test-concurrency=${atOnce}`]
  return runNode(['--import', 'tsx', '--test', ...options, ...files], env, interrupted)
}

/** The exit code of this Node with `args`, which is ended when `interrupted` is. */
export function runNode(args: readonly string[], env: NodeJS.ProcessEnv, interrupted: AbortSignal): Promise<number> {
  const child = spawn(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  return exitCode(child, interrupted)
}

/** The exit code of `child`, which is ended when `interrupted` is. */
export function exitCode(child: ChildProcess, interrupted: AbortSignal): Promise<number> {
  const end = () => child.kill('SIGTERM')
  interrupted.addEventListener('abort', end)
  child.once('close', () => interrupted.removeEventListener('abort', end))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve(code ?? 1))
  })
}
