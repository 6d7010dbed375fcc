import { AuthXError } from '../../../src/index.js'
import type { Broken } from '../case.js'
import { sameJson } from '../reference/same-json.js'
import { readToken } from '../reference/token-rules.js'
import { judge, type Verdict } from '../reference/world.js'
import type { Hostile, Populated } from './populated.js'

/** Holds what an instance makes of tokens against the reference rules. */
export class Judging {
  count = 0
  accepted = 0
  readonly #populated: Populated
  readonly #broken: Broken
  readonly #before: string
  readonly #messages = new Map<string, Set<string>>()

  constructor(populated: Populated, broken: Broken) {
    this.#populated = populated
    this.#broken = broken
    this.#before = populated.store.dump()
  }

  /** An access token is asked for, or a refresh token. */
  async try([what, make]: Hostile, type: 'access' | 'refresh'): Promise<void> {
    const { authx, store, setup, world } = this.#populated
    const token = make()
    const tell = (fault: string) => this.#tell(`${type}: ${fault}: ${what}`, token)
    const verdict = judge(readToken(token, setup.rules), world, setup.rules, { type })
    const { reads, writes } = store
    const outcome = await settled(authx.verifyToken(token as string, { type }))
    const again = await settled(authx.verifyToken(token as string, { type }))
    const fault = this.#faultOf(outcome, verdict)
    if (fault) tell(fault)
    if (!isSame(outcome, again)) tell('was answered otherwise the second time')
    if (store.reads > reads && !verdict.asksStore) tell('the store was asked about a token that is not good')
    if (store.writes > writes) tell('the store was written')
    this.count++
  }

  /** Nothing is revoked, and nobody asked, for a token that is not signed. */
  async tryToRevoke([what, make]: Hostile): Promise<void> {
    const { authx, store, setup } = this.#populated
    const token = make()
    if (typeof token !== 'string' || readToken(token, setup.rules).signed) return
    const { calls } = store
    const outcome = await settled(authx.revoke(token))
    const refused = 'error' in outcome && outcome.error instanceof AuthXError && outcome.error.status === 401
    if (!refused) this.#tell(`revoke did not refuse it: ${what}`, token)
    if (store.calls > calls) this.#tell(`revoke asked the store: ${what}`, token)
    this.count++
  }

  /** What is left to say when all have been tried. */
  finish(): void {
    const { store, setup } = this.#populated
    this.#broken.unless(store.dump() === this.#before, `${setup.name}: the store has changed`)
    for (const [name, messages] of this.#messages) {
      const most = name === 'JWTDecodeError' ? 2 : 1
      this.#broken.unless(messages.size <= most, `${setup.name}: ${name} has the messages ${[...messages].slice(0, 5)}`)
    }
  }

  #faultOf(outcome: Outcome, { good, reasons, payload }: Verdict): string | undefined {
    if ('value' in outcome) {
      this.accepted++
      if (good === 'no') return `was accepted, and should be ${reasons}`
      return sameJson(outcome.value, payload) ? undefined : 'has another payload'
    }
    const { error } = outcome
    if (!(error instanceof AuthXError)) return `was answered with ${error}`
    if (good === 'yes') return `was refused with ${error.name}`
    this.#messages.set(error.name, (this.#messages.get(error.name) ?? new Set()).add(error.message))
    const known = error.status === 401 && (good === 'perhaps' || reasons.includes(error.name))
    return known ? undefined : `was answered with ${error.status} ${error.name}, and should be ${reasons}`
  }

  #tell(fault: string, token: unknown): void {
    this.#broken.add(`${this.#populated.setup.name}, ${fault}: ${String(token).slice(0, 500)}`)
  }
}

type Outcome = { readonly value: unknown } | { readonly error: unknown }

function isSame(first: Outcome, second: Outcome): boolean {
  if ('value' in first || 'value' in second) return 'value' in first && 'value' in second
  return String(first.error) === String(second.error)
}

async function settled(promise: Promise<unknown>): Promise<Outcome> {
  try {
    return { value: await promise }
  } catch (error) {
    return { error }
  }
}
