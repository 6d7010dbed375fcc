import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './free-port.js'
import { findRedisServer } from './redis-binary.js'

export interface RedisServer {
  readonly url: string
  readonly port: number
  /** The server's process id; another one after `restart()`. */
  readonly pid: number
  /** End it in good order. */
  stop(): Promise<void>
  /** SIGSTOP: connections stay open and nothing is answered. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** Start again, empty, on the same port. */
  restart(): Promise<void>
  /** One command as redis-cli takes it; the raw reply. */
  command(...words: string[]): Promise<string>
}

export interface RedisServerOptions {
  /** More command-line options, such as `['--requirepass', 'x']`. */
  args?: readonly string[]
  port?: number
  /** The server to run; else `REDIS_SERVER`, redis-server or valkey-server. */
  binary?: string | undefined
}

const startsWithin = 30_000

/** What ends the servers that run, if this process ends before them. */
export const atExit = new Set<() => void>()
process.once('exit', () => {
  for (const kill of atExit) kill()
})

/** A Redis server of the test's own that keeps nothing on disk and ends with this process. */
export async function startRedis({ args = [], port, binary }: RedisServerOptions = {}): Promise<RedisServer> {
  const program = binary ?? findRedisServer()
  if (!program) throw new Error('No redis-server or valkey-server on PATH; name one in REDIS_SERVER')
  const listen = port ?? (await freePort())
  let server = await launch(program, listen, args)
  const end = async (signal: NodeJS.Signals) => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const gone = once(server, 'exit')
    server.kill(signal)
    // A stopped process acts on a signal only once it goes on.
    server.kill('SIGCONT')
    await gone
  }
  return {
    url: `redis://127.0.0.1:${listen}`,
    port: listen,
    get pid() {
      return server.pid as number
    },
    stop: () => end('SIGTERM'),
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGKILL')
      server = await launch(program, listen, args)
    },
    command: (...words) => ask(listen, words),
  }
}

async function launch(program: string, port: number, args: readonly string[]): Promise<ChildProcess> {
  // Of its own: a server reads the dump.rdb that it finds where it starts.
  const folder = mkdtempSync(join(tmpdir(), 'koa-authx-redis-'))
  const always = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  const server = spawn(program, [...always, ...args], { stdio: 'ignore' })
  const failed = once(server, 'error').then(([error]) => Promise.reject(error))
  const clear = () => rmSync(folder, { recursive: true, force: true })
  const kill = () => {
    server.kill('SIGKILL')
    clear()
  }
  atExit.add(kill)
  server.once('exit', () => {
    atExit.delete(kill)
    clear()
  })
  await Promise.race([failed, answering(server, port)])
  failed.catch(() => {})
  return server
}

/** Any reply to PING will do: a server with a password answers NOAUTH. */
async function answering(server: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + startsWithin
  while (performance.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`The Redis server ended at once with code ${server.exitCode}`)
    const reply = await ask(port, ['PING']).catch(() => '')
    if (/PONG|NOAUTH|MASTERDOWN/.test(reply)) return
    await sleep(20)
  }
  server.kill('SIGKILL')
  throw new Error('The Redis server does not answer')
}

/** One command to whatever speaks Redis's protocol on `port`; the raw reply. */
export function ask(port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let reply = ''
    socket.setTimeout(2000, () => socket.destroy(new Error('Redis does not answer')))
    socket.on('error', reject).on('close', () => resolve(reply))
    socket.on('data', data => {
      reply += data
    })
    const encoded = words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')
    // The server sends every reply before it hangs up.
    socket.end(`*${words.length}\r\n${encoded}*1\r\n$4\r\nQUIT\r\n`)
  })
}
