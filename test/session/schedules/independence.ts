import type { Operation } from './operations.js'
import type { Done } from './run.js'
import type { Call, World } from './world.js'

type Access = Call['access']

/**
 * Which calls may come in any order, because they touch different records or only read. What an operation will still
 * touch is learnt from its runs: which call has followed which.
 */
export class Independence {
  /** For each operation and each of its calls, the calls that have come next, and all that have come at some time after. */
  readonly #next = new Map<string, Map<string, Access>>()
  readonly #later = new Map<string, readonly Access[]>()
  /** Whether something was learnt since it was last set to false: what was concluded before may be wrong. */
  hasLearnt = false

  learn({ calls }: World, operations: readonly Operation[]): void {
    for (const [by, { name }] of operations.entries()) {
      let before: Access = []
      for (const { access } of calls[by] ?? []) {
        this.#add(name, before, access)
        before = access
      }
    }
  }

  /**
   * A call that needs to be tried first only: nothing that the others still do touches what it touches. Their calls come
   * after it in the schedules that follow, and it makes no difference that they do not come before it.
   */
  freeCall(calls: readonly Call[], { waiting }: World, done: readonly Done[]): Call | undefined {
    return calls.find(call => waiting.every(other => other === call || this.#arePermutable(call, other, done)))
  }

  /** Whether a call may change places with another that waits, and with all that can follow that one. */
  #arePermutable(call: Call, other: Call, done: readonly Done[]): boolean {
    const [mine, others] = [done[call.by] as Done, done[other.by] as Done]
    if (mine === others || (!others.after && heeds(others, mine)) || (!mine.after && heeds(mine, others))) return false
    const { access } = other
    const follow = this.#after(others.operation.name, access)
    return !conflict(access, call.access) && follow.every(each => !conflict(each, call.access))
  }

  #add(name: string, before: Access, access: Access): void {
    const key = `${name}: ${before}`
    const known = this.#next.get(key) ?? new Map()
    if (known.has(String(access))) return
    this.#next.set(key, known.set(String(access), access))
    this.#later.clear()
    this.hasLearnt = true
  }

  /** All that may follow a call, however far. */
  #after(name: string, access: Access): readonly Access[] {
    const key = `${name}: ${access}`
    const known = this.#later.get(key)
    if (known) return known
    const found = new Map(this.#next.get(key))
    // A map that grows is gone through to its end.
    for (const each of found.values()) {
      for (const [text, next] of this.#next.get(`${name}: ${each}`) ?? []) found.set(text, next)
    }
    this.#later.set(key, [...found.values()])
    return [...found.values()]
  }
}

function conflict(one: Access, other: Access): boolean {
  const [verb, ...keys] = one
  const [otherVerb, ...otherKeys] = other
  if (verb === 'get' && otherVerb === 'get') return false
  return keys.some(key => otherKeys.includes(key))
}

/** Whether it makes a difference for what is promised of an operation that another had answered before it began. */
function heeds({ operation }: Done, { operation: other }: Done): boolean {
  const { uses, isLogin, endsOthers, lists } = operation
  if (lists || (isLogin && other.endsOthers) || (endsOthers && other.isLogin)) return true
  return uses !== undefined && (other.uses === uses || (other.ends?.includes(uses) ?? false))
}
