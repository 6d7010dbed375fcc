import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RowRequest } from './row.js'

/** One request and its response. */
export interface Sent {
  /** 0 without a response. */
  readonly status: number
  readonly milliseconds: number
}

const CONNECTING = 100
const STEP_MS = 5

/**
 * Sends `rate` requests per second, each on a connection of its own, and waits for the responses. wrk cannot do this: it
 * sends the next request of a connection only after the response. The connections are opened before.
 */
export async function sendAtRate(
  origin: string,
  { method, path, headers }: RowRequest,
  token: string,
  { rate, seconds }: { rate: number; seconds: number },
): Promise<Sent[]> {
  const { hostname, port, host } = new URL(origin)
  const fields = Object.entries({ Host: host, Connection: 'close', ...headers(token) })
  const text = `${method} ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  const sockets = await connectAll(Math.round(rate * seconds), () => connect(Number(port), hostname))
  const sent: Promise<Sent>[] = []
  const began = performance.now()
  while (sent.length < sockets.length) {
    const due = Math.min(sockets.length, Math.ceil(((performance.now() - began) / 1000) * rate))
    while (sent.length < due) sent.push(exchange(sockets[sent.length] as Socket, text))
    await sleep(STEP_MS)
  }
  return Promise.all(sent)
}

async function connectAll(count: number, open: () => Socket): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const next = Array.from({ length: Math.min(CONNECTING, count - sockets.length) }, open)
    await Promise.all(next.map(socket => once(socket, 'connect')))
    sockets.push(...next)
  }
  return sockets
}

function exchange(socket: Socket, text: string): Promise<Sent> {
  const began = performance.now()
  return new Promise(resolve => {
    const end = (status: number) => {
      resolve({ status, milliseconds: performance.now() - began })
      socket.destroy()
    }
    socket.on('error', () => end(0)).on('close', () => end(0))
    // The status is in the first bytes of a response of a few hundred bytes.
    socket.once('data', data => end(Number(data.toString('latin1').split(' ')[1])))
    socket.write(text)
  })
}
