import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Backends } from './backends.js'
import { pinned } from './pinned.js'
import type { Answer, AnswerTo, Order, Settings } from './servers/protocol.js'
import { temporaryFolder } from './temporary.js'

const SERVE = fileURLToPath(new URL('./dist/serve.js', import.meta.url))

/** A server of servers/ in a process of its own, on the core for servers. It is idle while nobody sends requests. */
export class ServerProcess {
  readonly name: string
  readonly folder: string
  readonly #child: ChildProcess
  #origin = ''

  private constructor(name: string, child: ChildProcess, folder: string) {
    this.name = name
    this.folder = folder
    this.#child = child
  }

  static async start(name: string, { redis, postgres }: Backends, size = 1): Promise<ServerProcess> {
    const folder = temporaryFolder()
    const settings: Settings = { redisUrl: redis.url, postgresUrl: postgres.url, folder, size }
    const [command, args] = pinned('server', process.execPath, [
      '--expose-gc',
      '--disable-warning=AUTHX_NO_STORE',
      SERVE,
      name,
      JSON.stringify(settings),
    ])
    const env = { ...process.env, NODE_ENV: 'production' }
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env })
    const server = new ServerProcess(name, child, folder)
    server.#origin = `http://127.0.0.1:${await server.#answer()}`
    return server
  }

  get origin(): string {
    return this.#origin
  }

  ask<O extends Order>(order: O): Promise<AnswerTo<O>> {
    const answer = this.#answer()
    this.#child.send(order)
    return answer as Promise<AnswerTo<O>>
  }

  async stop(): Promise<void> {
    const gone = this.#child.exitCode === null ? once(this.#child, 'exit') : undefined
    // The process ends itself when nobody is left to give orders.
    if (this.#child.connected) this.#child.disconnect()
    await gone
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #answer(): Promise<AnswerTo<Order>> {
    const ended = new AbortController()
    const exit = once(this.#child, 'exit', { signal: ended.signal }).then(([code]) => {
      throw new Error(`the server ${this.name} ended with ${code}`)
    })
    exit.catch(() => {})
    const message = once(this.#child, 'message', { signal: ended.signal })
    try {
      const [answer] = (await Promise.race([message, exit])) as [Answer]
      if ('error' in answer) throw new Error(`${this.name}: ${answer.error}`)
      return answer.value
    } finally {
      message.catch(() => {})
      ended.abort()
    }
  }
}
