import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TcpProxy {
  readonly url: string
  readonly port: number
  /** From now on the connections that there are carry nothing, and are not closed either; new ones work. */
  blackhole(): void
  /** From now on no connection carries anything, new ones neither, until `heal`. */
  isolate(): void
  /** From now on what clients say arrives, and what they are told does not, until `heal`. */
  swallowReplies(): void
  /** From now on replies take so many milliseconds longer. */
  delayReplies(milliseconds: number): void
  /** Reset the connections that there are. */
  cut(): void
  /** Connections lead to this port from now on, those that there are are reset. Without a port they lead nowhere. */
  lead(port: number | undefined): void
  /** New connections work again; those that have lost something are reset, for nobody could make sense of the rest. */
  heal(): void
  close(): void
}

/** What a connection carries: everything, only what the client says, or nothing. */
type Carries = 'all' | 'requests' | 'nothing'

interface Link {
  readonly client: Socket
  readonly upstream: Socket
  carries: Carries
  /** Settles when the client has been told all so far: replies keep their order. */
  told: Promise<void>
}

/** Stands between a client and the server on `port` of this machine, to do to them what networks do. */
export async function tcpProxy(port: number): Promise<TcpProxy> {
  const links = new Set<Link>()
  let target: number | undefined = port
  let carries: Carries = 'all'
  let delay = 0
  const server = createServer(client => {
    client.on('error', () => {})
    if (target === undefined) return client.resetAndDestroy()
    const link: Link = { client, upstream: connect(target, '127.0.0.1'), carries, told: Promise.resolve() }
    links.add(link)
    join(link, () => delay)
    client.once('close', () => links.delete(link))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const become = (now: Carries) => {
    carries = now
    for (const link of links) link.carries = now
  }
  const cut = (lost: (link: Link) => boolean) => {
    for (const link of links) if (lost(link)) reset(link)
  }
  const { port: own } = server.address() as AddressInfo
  return {
    url: `redis://127.0.0.1:${own}`,
    port: own,
    blackhole: () => {
      for (const link of links) link.carries = 'nothing'
    },
    isolate: () => become('nothing'),
    swallowReplies: () => become('requests'),
    delayReplies: milliseconds => {
      delay = milliseconds
    },
    cut: () => cut(() => true),
    lead: to => {
      target = to
      cut(() => true)
    },
    heal: () => {
      cut(link => link.carries !== 'all')
      carries = 'all'
      delay = 0
    },
    close: () => {
      cut(() => true)
      server.close()
    },
  }
}

function join(link: Link, delay: () => number): void {
  const { client, upstream } = link
  client.on('data', data => {
    if (link.carries !== 'nothing') upstream.write(data)
  })
  upstream.on('data', data => {
    if (link.carries !== 'all') return
    const due = performance.now() + delay()
    link.told = link.told.then(() => until(due)).then(() => void client.write(data))
  })
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    one.on('error', () => {})
    // A connection that carries nothing does not tell either that its other end is gone.
    one.on('close', () => link.carries === 'nothing' || other.destroy())
  }
}

/** `moment`: milliseconds of `performance.now()`. */
async function until(moment: number): Promise<void> {
  const left = moment - performance.now()
  if (left > 0) await sleep(left)
}

function reset({ client, upstream }: Link): void {
  // A socket that is about to end cannot be reset: Node would keep it open, and the process could never end.
  if (client.writableEnded) client.destroy()
  else client.resetAndDestroy()
  upstream.destroy()
}
