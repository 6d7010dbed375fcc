import type { AuthXClient } from 'koa-authx/client'

const SHORTEST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000

/**
 * Keeps a WebSocket open while a user is logged in. It connects again after each end, with a token that is valid then.
 * The client needs `tokens: 'dual'` or `'headers'`. Returns a function that ends it.
 */
export function keepSocket(client: AuthXClient, url: string, onMessage: (data: unknown) => void): () => void {
  let socket: WebSocket | undefined
  /** Changes with each login and logout: what began before is over. */
  let turn = 0

  const restart = () => {
    turn += 1
    socket?.close()
    if (client.getState().status === 'authenticated') void run(turn)
  }

  async function run(mine: number): Promise<void> {
    for (let failures = 0; mine === turn; failures += 1) {
      const token = await client.getAccessToken().catch(() => undefined)
      if (mine !== turn) return
      if (token !== undefined) {
        socket = new WebSocket(url, ['authx', token])
        const { wasOpen, code } = await endOf(socket, onMessage)
        if (mine !== turn) return
        if (wasOpen) failures = 0
        // The server did not take the token, although it seems valid here: after a sleep of the device, for example.
        if (!wasOpen || code === 1008) await client.refresh().catch(() => {})
      }
      await pause(failures)
    }
  }

  const stops = [client.on('login', restart), client.on('logout', restart)]
  client.ready.then(
    () => turn === 0 && restart(),
    () => {},
  )
  return () => {
    for (const stop of stops) stop()
    turn = Number.NaN
    socket?.close()
  }
}

function endOf(socket: WebSocket, onMessage: (data: unknown) => void): Promise<{ wasOpen: boolean; code: number }> {
  return new Promise(resolve => {
    let wasOpen = false
    socket.onopen = () => {
      wasOpen = true
    }
    socket.onmessage = ({ data }) => onMessage(data)
    // `close` follows. Some sockets of Node throw an error that nothing listens to.
    socket.onerror = () => {}
    socket.onclose = ({ code }) => resolve({ wasOpen, code })
  })
}

/** Waits longer after each failure, and not as long as other clients: they do not all come back at once. */
function pause(failures: number): Promise<void> {
  const longest = Math.min(SHORTEST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS)
  return new Promise(resolve => setTimeout(resolve, longest * (0.5 + Math.random() / 2)))
}
