import type { RedisClusterType } from '@keyv/redis'

/** Milliseconds. The Cluster is asked for its nodes at most this often. */
const askAgainAfter = 500

/**
 * Has node-redis learn a Cluster's nodes again. By itself it does so only when a node says that a key has moved; one
 * that is dead says nothing, and the replica in its place would never be found.
 */
export class ClusterNodes {
  readonly #cluster: RedisClusterType
  #asked = Number.NEGATIVE_INFINITY
  #asking = false

  constructor(cluster: RedisClusterType) {
    this.#cluster = cluster
  }

  /** Some node gave no answer: others may have taken its place. Done in the background, and not again at once. */
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
    // Take a node that answers now: node-redis would wait for a frozen node without limit.
    const answering = candidates.map(async node => {
      const client = await this.#cluster.nodeClient(node)
      await client.ping()
      return client
    })
    const start = candidates.length > 0 ? await Promise.any(answering) : masters[0]?.client
    // A Cluster that was closed meanwhile would open connections to all its nodes again.
    if (!start || !this.#cluster.isOpen) return
    try {
      // No answer from `start` makes it try the root nodes.
      await this.#cluster._slots.rediscover(start)
    } finally {
      if (!this.#cluster.isOpen) this.#hangUp()
    }
  }

  /** Closed while it was learning: what it has opened since would keep the process alive. */
  #hangUp(): void {
    for (const { client } of [...this.#cluster.masters, ...this.#cluster.replicas]) {
      if (client?.isOpen) client.destroy()
    }
  }
}
