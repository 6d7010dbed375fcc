import { Broken, type Outcome, type Pass } from '../case.js'
import { Target } from '../faults/target.js'
import type { Node, Topology } from './topology.js'
import { Visitor } from './visitor.js'

const OPTIONS = { storeTimeout: 1000, refreshGracePeriod: 10 }
const ROUNDS: Readonly<Record<Pass, number>> = { full: 3, short: 1 }
/** Of writes in each round. */
const KINDS = 8

/** What is not promised, and happens: a master acknowledges, its replicas do not hear of it, and it dies. */
export async function lose(starts: readonly (() => Promise<Topology>)[], pass: Pass): Promise<Outcome> {
  const broken = new Broken()
  for (const start of starts) {
    const topology = await start()
    const target = await Target.start({ backend: topology.backend, options: OPTIONS })
    try {
      for (let round = 1; round <= ROUNDS[pass]; round++) await loseEach(topology, target, broken, round)
    } finally {
      await target.stop()
      await topology.stop()
    }
  }
  const count = starts.length * ROUNDS[pass] * KINDS
  return { count, seen: 'the event storeRollback told of every refresh', broken: broken.lines }
}

async function loseEach(topology: Topology, target: Target, broken: Broken, round: number): Promise<void> {
  const visitor = new Visitor(target, topology, broken)
  // Another shard of a Cluster each time.
  const key = `key-${round}`
  const master = await topology.masterOf(key)
  const at = () => visitor.loginAt(master, { whole: true })
  const [untouched, loggedOut, everywhere, once, stolen, twice] = [
    await at(),
    await at(),
    await at(),
    await at(),
    await at(),
    await at(),
  ]
  await topology.upToDate(master)

  await topology.cutOff(master)
  await visitor.logout(loggedOut)
  await visitor.revokeAll(everywhere)
  const onceMore = await visitor.refresh(once)
  const ofOwner = await visitor.refresh(stolen)
  const second = await visitor.refresh(await visitor.refresh(twice))
  const begun = await at()
  await fail(topology, key, master)

  await visitor.verdicts('a session that nobody touched goes on', untouched, [200, 200])
  await visitor.verdicts('a logout that was lost is undone', loggedOut, [200, 200])
  await visitor.logout(loggedOut)
  await visitor.verdicts('revokeAllSessions that was lost is undone', everywhere, [200, 200])
  await visitor.revokeAll(everywhere)
  await visitor.verdicts('a login that was lost is over', begun, [401, 401])
  await visitor.verdicts('a refresh that was lost: its successor goes on', onceMore, [200, 200])
  await visitor.verdicts('a refresh that was lost: the used-up token is good again', stolen, [200, 200])
  await visitor.verdicts('and whoever comes with its successor then is noticed', ofOwner, [200, 401])
  await visitor.verdicts('so that the session ends', ofOwner, [401, 401])
  await visitor.verdicts(
    'two refreshes that were lost: the newest refresh token is refused, the session not',
    second,
    [200, 401],
  )
  await visitor.verdicts('and its first token is good again', twice, [200, 200])
  const { rollbacks } = await target.order()
  broken.unless(rollbacks === round, `storeRollback was told ${rollbacks} times in place of ${round}`)
}

async function fail(topology: Topology, key: string, master: Node): Promise<void> {
  await master.kill()
  const successor = await topology.replaced(key, master)
  await topology.restore(master, successor, true)
}
