import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface TcpProxy {
  url: string
  /** From now on the connections that there are carry nothing, and are not closed either; new ones work. */
  blackhole(): void
  close(): void
}

/** Stands between a client and the Redis on `port`, to lose a network without anybody being told. */
export async function tcpProxy(port: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    blackhole() {
      for (const socket of sockets) socket.unpipe().on('data', () => {})
    },
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
