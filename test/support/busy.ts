import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { TestContext } from 'node:test'

/** Block the event loop, as a handler does that computes. */
export function block(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

/** Block it again and again, with one turn in between, until the function that is returned is called. */
export function blockInBursts(t: TestContext, milliseconds: number): () => void {
  let isOver = false
  const stop = () => {
    isOver = true
  }
  const burst = () => {
    block(milliseconds)
    if (!isOver) setTimeout(burst, 1)
  }
  setTimeout(burst, 1)
  t.after(stop)
  return stop
}

export interface FarService {
  /** Resolves when the service has answered. */
  ask(): Promise<void>
  /** From now on it answers nobody. */
  fallSilent(): void
}

/** A service some milliseconds away, over TCP: what it answers arrives turns of the event loop after it was sent. */
export async function farService(t: TestContext, milliseconds = 6): Promise<FarService> {
  let isSilent = false
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', () => void setTimeout(() => isSilent || socket.end('answer'), milliseconds))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new Set<ReturnType<typeof connect>>()
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  return {
    async ask() {
      const socket = connect(port, '127.0.0.1', () => socket.write('question'))
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      await once(socket, 'data')
    },
    fallSilent() {
      isSilent = true
    },
  }
}
