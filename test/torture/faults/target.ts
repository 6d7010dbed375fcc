import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Order, Report, ServerOptions } from './server.js'

const PROGRAM = fileURLToPath(new URL('./server.ts', import.meta.url))
/** Longer than any answer may take: what comes later did not come. */
const PATIENCE = 20_000

export interface Answer {
  /** 0: the connection ended without an answer, or none came. */
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** The JSON body, or an empty object. */
  readonly body: Readonly<Record<string, unknown>>
  /** Milliseconds until the whole answer was there. */
  readonly took: number
}

/** A server process, to be called over connections that are kept. */
export class Target {
  readonly #child: ChildProcess
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 })

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.#port = port
  }

  /** Rejects if it ends before it listens. */
  static async start(options: ServerOptions): Promise<Target> {
    const child = fork(PROGRAM, [JSON.stringify(options)], {
      execArgv: ['--import', 'tsx', '--expose-gc'],
      // node-redis prints what goes wrong with sentinels.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    // Not inherited: where it is a file, the disk that is full for the process would be full for its warnings too.
    child.stderr?.on('data', chunk => process.stderr.write(chunk))
    const early = once(child, 'exit').then(([code]) => Promise.reject(new Error(`a server ended with ${code}`)))
    early.catch(() => {})
    const [port] = await Promise.race([once(child, 'message'), early])
    return new Target(child, port as number)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async order(order: Order = {}): Promise<Report> {
    const answer = once(this.#child, 'message')
    this.#child.send(order)
    const [report] = await answer
    return report as Report
  }

  async call(method: 'GET' | 'POST', path: string, token?: string): Promise<Answer> {
    const began = performance.now()
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const told = await this.#send(method, path, headers).catch(() => ({ status: 0, headers: {}, body: {} }))
    return { ...told, took: performance.now() - began }
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    if (!this.running) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  async #send(method: string, path: string, headers: Record<string, string>): Promise<Omit<Answer, 'took'>> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.#port, method, path, headers, agent: this.#agent }
      const outgoing = request({ ...options, timeout: PATIENCE }, resolve)
      outgoing.once('timeout', () => outgoing.destroy(new Error('no answer')))
      outgoing.once('error', reject).end()
    })
    const content = await text(answer)
    const isJson = answer.headers['content-type']?.startsWith('application/json')
    const body = isJson ? (JSON.parse(content) as Answer['body']) : {}
    return { status: answer.statusCode ?? 0, headers: answer.headers, body }
  }
}
