import { createSentinel } from '@keyv/redis'
import { AuthX } from '../../../src/index.js'
import { RedisTokenStore } from '../../../stores/redis.js'
import { ask, type RedisServer } from '../../support/redis.js'
import { cutOffReplicas, upToDate } from '../../support/replication.js'
import { until } from '../../support/until.js'
import { Broken, type Outcome, type Pass } from '../case.js'
import { Target } from '../faults/target.js'
import { sentinelTopology, type Topology } from './topology.js'
import { Visitor } from './visitor.js'

const ROUNDS: Readonly<Record<Pass, number>> = { full: 3, short: 1 }
const KEY = 'any key'

/** What `min-replicas-to-write` and WAIT do about writes that a failover loses, and what they leave. */
export async function narrow(pass: Pass): Promise<Outcome> {
  const topology = await sentinelTopology()
  const options = { storeTimeout: 1000 }
  const target = await Target.start({ backend: topology.backend, options })
  try {
    const attempt = new Attempt(topology, target)
    for (let round = 0; round < ROUNDS[pass]; round++) {
      await attempt.withoutReplicas()
      await attempt.withReplicaThatStands()
      await attempt.waitedFor()
      await attempt.waitedForInVain()
    }
    return attempt.outcome
  } finally {
    await target.stop()
    await topology.stop()
  }
}

class Attempt {
  readonly #topology: Topology<RedisServer>
  readonly #target: Target
  readonly #broken = new Broken()
  readonly #visitor: Visitor
  #tried = 0
  /** Milliseconds for which a master without replicas went on acknowledging. */
  #longest = 0

  constructor(topology: Topology<RedisServer>, target: Target) {
    this.#topology = topology
    this.#target = target
    this.#visitor = new Visitor(target, topology, this.#broken)
  }

  get outcome(): Outcome {
    const seen = `a master that had lost its replicas refused writes after ${Math.round(this.#longest)} ms at most`
    return { count: this.#tried, seen, broken: this.#broken.lines }
  }

  /** No replica is connected: the master stops acknowledging. What it refused has not been done, before and after. */
  async withoutReplicas(): Promise<void> {
    const { master } = await this.#begin('1')
    const session = await this.#visitor.login('ada')
    await upToDate(master, await this.#topology.replicasOf(master))
    await cutOffReplicas(master)
    const began = performance.now()
    await until(async () => (await this.#target.call('POST', '/login/grace')).status === 503)
    this.#longest = Math.max(this.#longest, performance.now() - began)
    const { status } = await this.#target.call('POST', '/logout', session.access)
    this.#broken.unless(status === 503, `logout without replicas: ${status} in place of 503`)
    await this.#visitor.told('a guard needs no writing', '/protected', session.access, 200)
    await this.#end(master)
    await this.#visitor.verdicts('what was refused has not been done', session, [200, 200])
    await this.#visitor.logout(session)
  }

  /** The replica that counts stands still, and the other one takes over: a logout is undone in spite of the setting. */
  async withReplicaThatStands(): Promise<void> {
    const { master, counts, other } = await this.#begin('1')
    const session = await this.#visitor.login('ada')
    await upToDate(master, [counts, other])
    await cutOff(master, other)
    counts.pause()
    await this.#visitor.logout(session)
    await counts.kill()
    await this.#end(master, counts)
    await this.#visitor.verdicts('acknowledged and lost all the same', session, [200, 200])
    await this.#visitor.logout(session)
  }

  /** Whoever waits until all replicas have it knows that any of them will. */
  async waitedFor(): Promise<void> {
    const { master } = await this.#begin('0')
    await this.#withLibrary(async (authx, wait) => {
      const { access_token } = await authx.createTokenPair('ada')
      const payload = await authx.verifyToken(access_token)
      await authx.revoke(payload)
      const replicas = await wait(2)
      this.#broken.unless(replicas === 2, `WAIT answered ${replicas} in place of 2`)
      await this.#end(master)
      await until(async () => this.#broken.unless(await authx.isRevoked(payload), 'waited for, and lost'))
    })
  }

  /** WAIT changes nothing: it tells. Over another connection it tells of nothing. */
  async waitedForInVain(): Promise<void> {
    const { master, counts, other } = await this.#begin('0')
    await this.#withLibrary(async (authx, wait) => {
      const { access_token } = await authx.createTokenPair('ada')
      const payload = await authx.verifyToken(access_token)
      await upToDate(master, [counts, other])
      await cutOff(master, other)
      counts.pause()
      await authx.revoke(payload)
      const replicas = await wait(1)
      this.#broken.unless(replicas === 0, `WAIT answered ${replicas} in place of 0`)
      const elsewhere = await ask(master.port, ['WAIT', '1', '100'])
      this.#broken.unless(elsewhere.startsWith(':1'), `WAIT over another connection answered ${elsewhere}`)
      this.#broken.unless(await authx.isRevoked(payload), 'what WAIT is in vain for is done at the master all the same')
      await counts.kill()
      await this.#end(master, counts)
      await until(async () => this.#broken.unless(!(await authx.isRevoked(payload)), 'waited for in vain, and kept'))
    })
  }

  async #begin(atLeast: string): Promise<{ master: RedisServer; counts: RedisServer; other: RedisServer }> {
    this.#tried++
    await this.#topology.whole()
    const master = await this.#topology.masterOf(KEY)
    const [counts, other] = (await this.#topology.replicasOf(master)) as [RedisServer, RedisServer]
    await upToDate(master, [counts, other])
    for (const node of [master, counts, other]) {
      await node.command('CONFIG', 'SET', 'min-replicas-max-lag', '1')
      await node.command('CONFIG', 'SET', 'min-replicas-to-write', node === master ? atLeast : '0')
    }
    return { master, counts, other }
  }

  /** The master dies, and is replaced; it and those that died with it come back. */
  async #end(master: RedisServer, ...others: RedisServer[]): Promise<void> {
    await master.kill()
    const successor = await this.#topology.replaced(KEY, master)
    for (const node of [...others, master]) {
      await node.restart()
      await node.command('REPLICAOF', '127.0.0.1', String(successor.port))
    }
    await this.#topology.whole()
  }

  /** The library in this process, and WAIT over the client of its store. */
  async #withLibrary(
    work: (authx: AuthX, wait: (replicas: number) => Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    const { backend } = this.#topology
    if (backend.kind !== 'sentinel') throw new Error('WAIT is tried behind sentinels')
    const { name, sentinelRootNodes } = backend
    const client = createSentinel({ name, sentinelRootNodes: [...sentinelRootNodes] })
    client.on('error', () => {})
    await client.connect()
    const store = new RedisTokenStore(client, { timeout: 5000 })
    const authx = new AuthX({
      secretKey: 'secret of the torture suite: 0123456789 0123456789',
      store,
      storeTimeout: 5000,
    })
    try {
      await work(authx, replicas => client.sendCommand(false, ['WAIT', String(replicas), '1000']))
    } finally {
      await authx.close()
      await client.destroy()
    }
  }
}

/** This one replica learns nothing any more. */
async function cutOff(master: RedisServer, replica: RedisServer): Promise<void> {
  await master.command('ACL', 'SETUSER', 'default', '-psync', '-sync')
  await replica.command('CLIENT', 'KILL', 'TYPE', 'master')
}
