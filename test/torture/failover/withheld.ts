import { until } from '../../support/until.js'
import { Broken, type Outcome, type Pass } from '../case.js'
import { Target } from '../faults/target.js'
import { type PostgresTopology, synchronous } from './postgres-topology.js'
import { type Session, Visitor } from './visitor.js'

const ROUNDS: Readonly<Record<Pass, number>> = { full: 3, short: 1 }
const OPTIONS = { storeTimeout: 1000, refreshGracePeriod: 60 }

/** No synchronous standby answers: what the primary has then is acknowledged to nobody. */
export async function withhold(pass: Pass): Promise<Outcome> {
  const topology = await synchronous()
  const target = await Target.start({ backend: topology.backend, options: OPTIONS })
  const broken = new Broken()
  try {
    const attempt = new Attempt(topology, target, broken)
    for (let round = 0; round < ROUNDS[pass]; round++) {
      await attempt.kept()
      await attempt.lost()
    }
    return { count: 2 * ROUNDS[pass], seen: 'every write was 503, every guard went on', broken: broken.lines }
  } finally {
    await target.stop()
    await topology.stop()
  }
}

class Attempt {
  readonly #topology: PostgresTopology
  readonly #target: Target
  readonly #broken: Broken
  readonly #visitor: Visitor

  constructor(topology: PostgresTopology, target: Target, broken: Broken) {
    this.#topology = topology
    this.#target = target
    this.#broken = broken
    this.#visitor = new Visitor(target, topology, broken)
  }

  /** A standby answers again: a logout that was answered with 503 is kept, and so is a refresh. */
  async kept(): Promise<void> {
    const [loggedOut, refreshed] = await this.#withheld()
    this.#topology.addresses.standbys.heal()
    await until(async () => (await this.#target.call('GET', '/protected', loggedOut.access)).status === 401)
    await this.#visitor.verdicts('a logout that a standby has in the end', loggedOut, [401, 401])
    const successor = await this.#visitor.refresh(refreshed)
    await this.#visitor.verdicts('the successor of a refresh that a standby has in the end', successor, [200, 200])
    await this.#topology.whole()
  }

  /** A standby takes over: what was answered with 503 has not been done. */
  async lost(): Promise<void> {
    const [loggedOut, refreshed] = await this.#withheld()
    const primary = await this.#topology.masterOf('')
    await primary.kill()
    const successor = await this.#topology.replaced('', primary)
    await this.#visitor.verdicts('a logout that was not acknowledged is not done', loggedOut, [200, 200])
    await this.#visitor.verdicts('a refresh that was not acknowledged is not done', refreshed, [200, 200])
    await this.#topology.restore(primary, successor, true)
  }

  /** A logout and a refresh are written at the primary, and no standby has them. */
  async #withheld(): Promise<[Session, Session]> {
    const sessions: [Session, Session] = [await this.#visitor.login('ada'), await this.#visitor.login('grace')]
    const [loggedOut, refreshed] = sessions
    for (const { access } of sessions) await this.#visitor.told('a guard', '/protected', access, 200)
    await this.#topology.cutOff(await this.#topology.masterOf(''))
    await this.#refused('a logout', '/logout', loggedOut.access)
    await this.#refused('a refresh', '/refresh', refreshed.refresh)
    await this.#refused('a login', '/login/eve')
    for (const { access } of sessions) await this.#visitor.told('a guard goes on', '/protected', access, 200)
    return sessions
  }

  async #refused(what: string, path: string, token?: string): Promise<void> {
    const { status } = await this.#target.call('POST', path, token)
    this.#broken.unless(status === 503, `${what} that no standby has: ${status} in place of 503`)
  }
}
