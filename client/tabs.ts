import type { ClientEventType } from './events.js'
import { type Channel, type Locks, page, whereAllowed } from './page.js'

/** What tabs tell each other: never a token. `done` is said after every turn, whatever came of it. */
export interface Message {
  readonly type: ClientEventType | 'done'
  readonly reason?: string | undefined
  /** Milliseconds since 1970, by the clock that all tabs share. */
  readonly at: number
}

/** How long to wait for the word of a tab that had its turn: it comes at once, unless the tab was closed meanwhile. */
const WORD_COMES_WITHIN_MS = 1000

/** The tabs that share the cookies of one server; this one alone where there is no page, or nothing is shared. */
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
    // What stands in for a page in Node would otherwise keep the process alive.
    this.#channel.unref?.()
  }

  /** Do `work` while no tab does any: one after another, each with what came of the one before. */
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
      // A sandboxed frame has locks, and may not take any.
      if (hasBegun) throw error
      return inTurn()
    }
  }

  async #underLock<T>(locks: Locks, inTurn: () => Promise<T>): Promise<T> {
    const turns = this.#turnsElsewhere
    const done = await locks.request(this.#name, { ifAvailable: true }, async lock => lock && { value: await inTurn() })
    if (done) return done.value
    return locks.request(this.#name, {}, async () => {
      // The lock may be here before the word of what was done under it.
      if (this.#channel && this.#turnsElsewhere === turns) await this.#waitForDone()
      return inTurn()
    })
  }

  #waitForDone(): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, WORD_COMES_WITHIN_MS)
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

  /** Whether the others hear of it or not, what was done is done. */
  tell(message: Omit<Message, 'at'>): void {
    whereAllowed(() => this.#channel?.postMessage({ ...message, at: Date.now() } satisfies Message))
  }

  close(): void {
    this.#channel?.close()
    this.#channel = undefined
    this.#heard?.()
  }
}
