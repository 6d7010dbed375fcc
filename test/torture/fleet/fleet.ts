import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Client } from './client.js'
import { compiled } from './compile.js'
import type { Figures, ServerOptions } from './server.js'

/** A server process, and a client for it. */
export class ApiProcess {
  readonly client: Client
  /** Resolves to the signal that ended it, or to null if it ended by itself. */
  readonly ended: Promise<NodeJS.Signals | null>
  readonly #child: ChildProcess

  constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.client = new Client(port)
    this.ended = signalOf(child)
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async figures(): Promise<Figures> {
    const answer = once(this.#child, 'message')
    this.#child.send('figures')
    const [figures] = await answer
    return figures as Figures
  }

  async kill(): Promise<void> {
    this.client.close()
    if (this.running) this.#child.kill('SIGKILL')
    await this.ended
  }
}

/** Starts server processes, all from the code as it was when the fleet was made. */
export class Fleet {
  readonly #program = compiled(join(import.meta.dirname, 'server.ts'))
  readonly #execArgv: readonly string[]

  /** `execArgv`: options for Node. */
  constructor(execArgv: readonly string[] = []) {
    this.#execArgv = execArgv
  }

  async start(options: ServerOptions): Promise<ApiProcess> {
    const child = fork(this.#program, [JSON.stringify(options)], {
      execArgv: [...this.#execArgv],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const kill = () => child.kill('SIGKILL')
    process.once('exit', kill)
    child.once('exit', () => process.off('exit', kill))
    const failed = signalOf(child).then(() => Promise.reject(new Error('a server process ended before it listened')))
    const [port] = await Promise.race([once(child, 'message'), failed])
    failed.catch(() => {})
    return new ApiProcess(child, port as number)
  }

  /** A server for as long as `work` takes; when it fails too, nothing writes into a backend that is being removed. */
  async serving<T>(options: ServerOptions, work: (server: ApiProcess) => Promise<T>): Promise<T> {
    const server = await this.start(options)
    try {
      return await work(server)
    } finally {
      await server.kill()
    }
  }

  startMany(count: number, options: ServerOptions): Promise<ApiProcess[]> {
    return Promise.all(Array.from({ length: count }, () => this.start(options)))
  }
}

function signalOf(child: ChildProcess): Promise<NodeJS.Signals | null> {
  return new Promise(resolve => child.once('exit', (_, signal) => resolve(signal)))
}
