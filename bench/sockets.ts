import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Backends } from './backends.js'
import type { Plan } from './plan.js'
import { bearer } from './row.js'
import { ServerProcess } from './server-process.js'

/** What one open socket costs a server. */
export interface SocketCost {
  readonly bytes: number
  /** CPU time per second, in microseconds. */
  readonly cpu: number
}

export interface SocketResult {
  readonly store: string
  readonly count: number
  readonly watched: SocketCost
  /** The same sockets without `closeWhenOver`. */
  readonly floor: SocketCost
}

const STORES = [
  ['memory', 'memory'],
  ['redis', 'Redis'],
] as const
const CONNECTING = 100
const POLICY_VIOLATION = 1008

/** Opens many sockets, each with a login of its own, and lets them be idle. */
export async function measureSockets(plan: Plan['sockets'], backends: Backends): Promise<SocketResult[]> {
  const results: SocketResult[] = []
  for (const [kind, store] of STORES) {
    const floor = await costOf(`sockets/${kind}Floor`, plan, backends)
    const watched = await costOf(`sockets/${kind}`, plan, backends)
    results.push({ store, count: plan.count, watched, floor })
    await backends.clear()
  }
  return results
}

/** Checks that a watched socket closes when its login ends, and that the floor's stays open. */
export async function checkSockets(backends: Backends): Promise<void> {
  for (const [kind] of STORES) {
    for (const name of [`sockets/${kind}`, `sockets/${kind}Floor`]) {
      const server = await ServerProcess.start(name, backends)
      try {
        const [token = ''] = await tokensOf(server, 1)
        const [socket] = await open(server, [token])
        await checkEnd(name, server, socket as WebSocket, token)
      } finally {
        await server.stop()
      }
    }
  }
  await backends.clear()
}

async function checkEnd(name: string, server: ServerProcess, socket: WebSocket, token: string): Promise<void> {
  const closed = once(socket, 'close')
  const { status } = await fetch(`${server.origin}/logout`, { method: 'POST', headers: bearer(token) })
  assert.equal(status, 204, `${name}: logout`)
  if (name.endsWith('Floor')) {
    const isOpen = once(socket, 'pong')
    socket.ping()
    await isOpen
    socket.terminate()
  }
  const [code] = await closed
  if (!name.endsWith('Floor')) assert.equal(code, POLICY_VIOLATION, `${name}: the socket of an ended login`)
}

async function costOf(name: string, { count, seconds }: Plan['sockets'], backends: Backends): Promise<SocketCost> {
  const server = await ServerProcess.start(name, backends)
  try {
    const tokens = await tokensOf(server, count)
    const before = await server.ask({ do: 'memory' })
    const sockets = await open(server, tokens)
    const bytes = ((await server.ask({ do: 'memory' })) - before) / count
    const cpu = (await cpuOf(server, seconds)) / seconds / count
    assert.ok(
      sockets.every(socket => socket.readyState === WebSocket.OPEN),
      `${name}: a socket was closed`,
    )
    for (const socket of sockets) socket.terminate()
    return { bytes, cpu }
  } finally {
    await server.stop()
  }
}

async function cpuOf(server: ServerProcess, seconds: number): Promise<number> {
  const before = await server.ask({ do: 'usage' })
  await sleep(seconds * 1000)
  const after = await server.ask({ do: 'usage' })
  return after.cpu - before.cpu
}

async function tokensOf(server: ServerProcess, count: number): Promise<string[]> {
  const file = join(server.folder, 'tokens')
  await server.ask({ do: 'tokens', count, kind: 'access', file })
  return readFileSync(file, 'utf8').trimEnd().split('\n')
}

async function open({ origin }: ServerProcess, tokens: readonly string[]): Promise<WebSocket[]> {
  const sockets: WebSocket[] = []
  const address = origin.replace('http', 'ws')
  for (let n = 0; n < tokens.length; n += CONNECTING) {
    const opened = tokens.slice(n, n + CONNECTING).map(async token => {
      const socket = new WebSocket(address, { headers: bearer(token), perMessageDeflate: false })
      await once(socket, 'open')
      return socket
    })
    sockets.push(...(await Promise.all(opened)))
  }
  return sockets
}
