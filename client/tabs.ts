import type { ClientEventType } from './events.js'
import { type Channel, type Locks, page, whereAllowed } from './page.js'

/**
 * A message to other tabs. It never contains a token. `done` is sent each time the work of a `runExclusive` has ended,
 * also if it failed.
 */
export interface Message {
  readonly type: ClientEventType | 'done'
  readonly reason?: string | undefined
  /** Milliseconds since 1970. All tabs use the same clock. */
  readonly at: number
}

/** Maximum wait for `done` from the tab that had the lock. `done` arrives at once, unless that tab was closed. */
const DONE_TIMEOUT_MS = 1000

/** All tabs that share the cookies of one server. Without a page or shared cookies, only this client. */
export class Tabs {
  readonly #name: string
  readonly #locks: Locks | undefined
  #channel: Channel | undefined
  #last: Promise<unknown> = Promise.resolve()
  #turnsElsewhere = 0
  #heard: (() => void) | undefined

  constructor(name: string, shares: boolean, listener: (message: Message) => void) {
    this.#name = `koa-authx ${name}`
    if (!shares || !page.document) return
    this.#locks = whereAllowed(() => page.navigator?.locks)
    this.#channel = whereAllowed(() => page.BroadcastChannel && new page.BroadcastChannel(this.#name))
    if (!this.#channel) return
    this.#channel.onmessage = ({ data }) => this.#hear(data as Message, listener)
    // In Node with a simulated page, the channel would keep the process alive.
    this.#channel.unref?.()
  }

  /** Runs `work` while no other call runs, in this tab or another. A call sees the results of the calls before it. */
  runExclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#locked(work))
    this.#last = turn.catch(() => {})
    return turn
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    const locks = this.#locks
    let hasBegun = false
    const inTurn = () => {
      hasBegun = true
      return work().finally(() => this.tell({ type: 'done' }))
    }
    if (!locks) return inTurn()
    try {
      return await this.#underLock(locks, inTurn)
    } catch (error) {
      // A sandboxed frame has Web Locks, but cannot request one.
      if (hasBegun) throw error
      return inTurn()
    }
  }

  async #underLock<T>(locks: Locks, inTurn: () => Promise<T>): Promise<T> {
    const turns = this.#turnsElsewhere
    const done = await locks.request(this.#name, { ifAvailable: true }, async lock => lock && { value: await inTurn() })
    if (done) return done.value
    return locks.request(this.#name, {}, async () => {
      // The lock may arrive before the messages of the tab that had it.
      if (this.#channel && this.#turnsElsewhere === turns) await this.#waitForDone()
      return inTurn()
    })
  }

  #waitForDone(): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, DONE_TIMEOUT_MS)
      this.#heard = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #hear(message: Message, listener: (message: Message) => void): void {
    if (message.type === 'done') {
      this.#turnsElsewhere++
      this.#heard?.()
    } else {
      listener(message)
    }
  }

  /** Sends a message to the other tabs. Ignores errors, because the event has already happened. */
  tell(message: Omit<Message, 'at'>): void {
    whereAllowed(() => this.#channel?.postMessage({ ...message, at: Date.now() } satisfies Message))
  }

  close(): void {
    this.#channel?.close()
    this.#channel = undefined
    this.#heard?.()
  }
}
