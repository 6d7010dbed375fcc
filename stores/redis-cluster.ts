import type { RedisClusterType } from '@keyv/redis'
import { OPTIONS, type RedisNode } from './redis-commands.js'

/** The minimum time in milliseconds between two reads of the Cluster's nodes. */
const askAgainAfter = 500

/**
 * Makes node-redis read the nodes of a Cluster again. node-redis does this itself only if a node answers that a key has
 * moved. A dead node does not answer, so the replica that replaces it would never be found.
 */
export class ClusterNodes {
  readonly #cluster: RedisClusterType
  #asked = Number.NEGATIVE_INFINITY
  #asking = false

  constructor(cluster: RedisClusterType) {
    this.#cluster = cluster
  }

  /** Returns all masters, and the replicas that the client is connected to. */
  async all(): Promise<readonly RedisNode[]> {
    const { masters, replicas } = this.#cluster
    const nodes = [...masters, ...replicas.filter(({ client }) => client?.isReady)]
    return nodes.map(node => ({
      name: node.address,
      mayBeReplica: node.client?.options?.readonly === true,
      send: async command => {
        // At once if the client is connected, so that commands of one tick keep their order.
        const client = node.client?.isReady ? node.client : await this.#cluster.nodeClient(node)
        return client.sendCommand(command, OPTIONS)
      },
    }))
  }

  /**
   * Reads the nodes in the background, at most once every 500 ms. Call it when a node did not answer: another node may
   * have replaced it.
   */
  doubt(): void {
    const now = performance.now()
    if (this.#asking || now - this.#asked < askAgainAfter) return
    this.#asked = now
    this.#asking = true
    const done = () => {
      this.#asking = false
    }
    this.#learn().then(done, done)
  }

  async #learn(): Promise<void> {
    const { masters } = this.#cluster
    const candidates = masters.filter(({ client }) => client?.isReady !== false)
    // Use a node that answers now: node-redis would wait for a frozen node without limit.
    const answering = candidates.map(async node => {
      const client = await this.#cluster.nodeClient(node)
      await client.ping()
      return client
    })
    const start = candidates.length > 0 ? await Promise.any(answering) : masters[0]?.client
    // A Cluster client that was closed in the meantime would open connections to all nodes again.
    if (!start || !this.#cluster.isOpen) return
    try {
      // If `start` does not answer, node-redis tries the root nodes.
      await this.#cluster._slots.rediscover(start)
    } finally {
      if (!this.#cluster.isOpen) this.#hangUp()
    }
  }

  /** Closes connections that were opened after the client was closed. They would keep the process alive. */
  #hangUp(): void {
    for (const { client } of [...this.#cluster.masters, ...this.#cluster.replicas]) {
      if (client?.isOpen) client.destroy()
    }
  }
}
