import { Broken, type Outcome, type Pass } from '../case.js'
import { Target } from '../faults/target.js'
import { asynchronous, type PostgresTopology } from './postgres-topology.js'
import { Visitor } from './visitor.js'

const ROUNDS: Readonly<Record<Pass, number>> = { full: 3, short: 1 }
const OPTIONS = { storeTimeout: 1000, refreshGracePeriod: 60 }

/** What an operator may do wrong: the address moves too early, or leads back to a former primary that runs again. */
export async function misdirect(pass: Pass): Promise<Outcome> {
  const topology = await asynchronous()
  const target = await Target.start({ backend: topology.backend, options: OPTIONS })
  const broken = new Broken()
  try {
    const visitor = new Visitor(target, topology, broken)
    let refused = 0
    for (let round = 0; round < ROUNDS[pass]; round++) {
      refused += await tooEarly(topology, target, visitor, broken)
      await backAtTheFormer(topology, visitor)
    }
    const seen = `${refused} × 503 at standbys`
    return { count: 2 * ROUNDS[pass], seen, broken: broken.lines }
  } finally {
    await target.stop()
    await topology.stop()
  }
}

/** A standby that is not promoted has the session and is not believed, neither before nor after a logout. */
async function tooEarly(
  { addresses, masterOf, replicasOf, upToDate }: PostgresTopology,
  target: Target,
  visitor: Visitor,
  broken: Broken,
): Promise<number> {
  const session = await visitor.login('ada')
  const ended = await visitor.login('grace')
  await visitor.logout(ended)
  const primary = await masterOf('')
  await upToDate(primary)
  const standbys = await replicasOf(primary)
  for (const standby of standbys) {
    addresses.clients.lead(standby.port)
    for (const path of ['/protected', '/refresh', '/logout', '/login/eve']) {
      for (const { access, refresh } of [session, ended]) {
        const method = path === '/protected' ? 'GET' : 'POST'
        const { status } = await target.call(method, path, path === '/refresh' ? refresh : access)
        broken.unless(status === 503, `${path} at a standby: ${status} in place of 503`)
      }
    }
  }
  addresses.clients.lead(primary.port)
  await visitor.verdicts('a session that standbys were asked about', session, [200, 200])
  await visitor.verdicts('a session that had ended', ended, [401, 401])
  return standbys.length * 8
}

/** What is not promised: with two primaries each knows only its own logouts. */
async function backAtTheFormer(topology: PostgresTopology, visitor: Visitor): Promise<void> {
  const { addresses } = topology
  const [before, after, both] = [await visitor.login('ada'), await visitor.login('grace'), await visitor.login('eve')]
  const former = await topology.masterOf('')
  await topology.upToDate(former)
  await former.kill()
  const primary = await topology.replaced('', former)
  await visitor.logout(after)
  await visitor.logout(both)

  await former.restart()
  addresses.clients.lead(former.port)
  await visitor.verdicts('a logout at the new primary is not known at the former one', after, [200, 200])
  await visitor.logout(before)
  await visitor.logout(both)

  addresses.clients.lead(primary.port)
  await visitor.verdicts('a logout at the new primary holds there', after, [401, 401])
  await visitor.verdicts('and so does one at both', both, [401, 401])
  await visitor.verdicts('a logout at the former primary is lost', before, [200, 200])
  await topology.restore(former, primary, false)
}
