import { createServer } from 'node:net'

/**
 * Below the ports that systems give to connections, and to servers that ask for any port: none of those comes to use a
 * port whose server is down for a moment.
 */
const LOWEST = 12_000
const HIGHEST = 31_999

/** A port of 127.0.0.1 that nothing listens on at this moment. */
export async function freePort(highest = HIGHEST): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (highest - LOWEST + 1))
    if (await isFree(port)) return port
  }
}

/** A free port for a node of a Redis Cluster: the nodes talk to each other on the port that is higher by 10000. */
export async function clusterPort(): Promise<number> {
  for (;;) {
    const port = await freePort(HIGHEST - 10_000)
    if (await isFree(port + 10_000)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    )
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
