import { randomUUID } from 'node:crypto'
import { sessionKey, subjectKey } from '../../../src/session/record.js'
import { contentOf } from '../../support/signing.js'
import { until } from '../../support/until.js'
import type { Broken } from '../case.js'
import type { Answer, Target } from '../faults/target.js'
import type { Node, Topology } from './topology.js'

export interface Session {
  readonly sub: string
  readonly access: string
  readonly refresh: string
}

/** Somebody who wants sessions whose records lie at one master. */
export class Visitor {
  readonly #target: Target
  readonly #topology: Topology
  readonly #broken: Broken

  constructor(target: Target, topology: Topology, broken: Broken) {
    this.#target = target
    this.#topology = topology
    this.#broken = broken
  }

  /** A new session whose record is at `master`, and with `whole` its subject's as well. */
  async loginAt(master: Node, { whole = false } = {}): Promise<Session> {
    for (;;) {
      const sub = randomUUID()
      if (whole && (await this.#topology.masterOf(`authx:${subjectKey(sub, undefined)}`)) !== master) continue
      const session = await this.login(sub)
      const { sid } = contentOf(session.access).claims
      if ((await this.#topology.masterOf(`authx:${sessionKey(String(sid))}`)) === master) return session
    }
  }

  async login(sub: string): Promise<Session> {
    return { sub, ...this.#tokens(await this.told('login', `/login/${sub}`, undefined, 200)) }
  }

  async refresh({ sub, refresh }: Session): Promise<Session> {
    return { sub, ...this.#tokens(await this.told('refresh', '/refresh', refresh, 200)) }
  }

  async logout({ access }: Session): Promise<void> {
    await this.told('logout', '/logout', access, 204)
    await this.told('a guard after the logout', '/protected', access, 401)
  }

  async revokeAll({ sub, access }: Session): Promise<void> {
    await this.told('revokeAllSessions', `/revoke-all/${sub}`, undefined, 204)
    await this.told('a guard after revokeAllSessions', '/protected', access, 401)
  }

  /** What a guard says about the access token, and a refresh about the refresh token. */
  async verdicts(what: string, { access, refresh }: Session, expected: readonly [number, number]): Promise<void> {
    await this.told(`guard: ${what}`, '/protected', access, expected[0])
    await this.told(`refresh: ${what}`, '/refresh', refresh, expected[1])
  }

  /** The answer, once it is not 503. */
  async told(what: string, path: string, token: string | undefined, expected: number): Promise<Answer> {
    let answer: Answer | undefined
    await until(async () => {
      answer = await this.#target.call(path === '/protected' ? 'GET' : 'POST', path, token)
      return answer.status !== 503
    }, 20_000)
    const status = answer?.status
    this.#broken.unless(status === expected, `${this.#topology.name}: ${what}: ${status} in place of ${expected}`)
    return answer as Answer
  }

  #tokens({ body }: Answer): Pick<Session, 'access' | 'refresh'> {
    return { access: String(body.access_token), refresh: String(body.refresh_token) }
  }
}
