import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { until } from '../support/until.js'

export const root = resolve(import.meta.dirname, '../..')

const tsx = import.meta.resolve('tsx')
/** What the programs would read of the environment of the tests. */
const theirs = ['PORT', 'HOST', 'TOKEN_STORE', 'REDIS_URL']

export type Environment = Record<string, string>

/** A program as a user starts it, but that `koa-authx` is these sources. */
export class Program {
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>
  stdout = ''
  stderr = ''

  constructor(file: string, cwd: string, env: Environment = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !theirs.includes(name) && !name.startsWith('JWT_'))
    this.#child = spawn(process.execPath, ['--import', tsx, file], {
      cwd,
      env: { ...Object.fromEntries(inherited), TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#closed = once(this.#child, 'close')
    this.#child.stdout?.on('data', chunk => {
      this.stdout += chunk
    })
    this.#child.stderr?.on('data', chunk => {
      this.stderr += chunk
    })
    const kill = () => this.#child.kill('SIGKILL')
    process.once('exit', kill)
    this.#child.once('exit', () => process.off('exit', kill))
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Wait until `check` holds; fail at once if the program ends before. */
  async until(check: () => unknown): Promise<void> {
    await until(() => this.ended || check(), 60_000)
    if (this.ended) throw new Error(`the program ended: ${this.stderr}`)
  }

  /** The exit code once it has ended by itself, or `null` if a signal has ended it. */
  async exitCode(): Promise<number | null> {
    // By its exit alone, some of what it has printed may not be read yet.
    await this.#closed
    return this.#child.exitCode
  }

  end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (!this.ended) this.#child.kill(signal)
    return this.exitCode()
  }
}

/** Run lines of shell; what they print, each line's by itself. */
export async function runLines(
  lines: readonly string[],
  cwd: string,
  path = process.env.PATH ?? '',
): Promise<string[]> {
  const printed: string[] = []
  for (const line of lines) printed.push(await shell(line, cwd, { ...(process.env as Environment), PATH: path }))
  return printed
}

/** What `line` prints; rejects if it fails, or says that a part of it did. */
function shell(line: string, cwd: string, env: Environment): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('sh', ['-c', line], { cwd, env }, (error, stdout, stderr) => {
      // Of a pipe, the shell tells only how its last command ended.
      if (error || stderr) reject(error ?? new Error(`${line}: ${stderr}`))
      else resolve(stdout)
    })
  })
}

/** Whether there is a `curl` here. */
export function hasCurl(): Promise<boolean> {
  return shell('command -v curl', root, process.env as Environment).then(
    () => true,
    () => false,
  )
}

/** A PATH whose `curl` is ours: machines that run tests need not have one. */
export function pathWithStandIn(folder: string): string {
  const standIn = join(import.meta.dirname, 'curl-stand-in.ts')
  const script = `#!/bin/sh\nexec '${process.execPath}' --import '${tsx}' '${standIn}' "$@"\n`
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'curl'), script, { mode: 0o755 })
  return `${bin}:${process.env.PATH}`
}

/** Make `folder` find the packages that are installed here. */
export function linkPackages(folder: string): void {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir')
}
