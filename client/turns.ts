import { bounded } from './bounded.js'
import { isObject } from './claims.js'
import { TYPES } from './events.js'
import type { Message } from './machine.js'
import type { Settings } from './options.js'
import { type Channel, page, whereAllowed } from './page.js'

/** How long a tab waits for the last messages of the tab that had its turn. They arrive at once, unless it was closed. */
const LAST_WORD_MS = 1000
/** How long a login keeps others from refreshing. A refresh that overtakes a slower login is aborted when that ends. */
export const LOGIN_TURN_MS = 1000

/**
 * The turns and messages of all tabs that share the cookies of one server. A tab takes its turn with a lock, but never
 * waits without limit, and never takes a lock away.
 */
export class Turns {
  readonly #name: string
  readonly #timeoutMs: number
  readonly #lock: Settings['lock'] | undefined
  #channel: Channel | undefined
  #last: Promise<unknown>
  /** Whether another tab has its turn, as far as its messages say. */
  #isElsewhere = false
  #ended: (() => void) | undefined

  /** @param first the turns begin after it. */
  constructor(settings: Settings, first: Promise<unknown>, hear: (message: Message) => void) {
    this.#name = `koa-authx ${settings.urls.refresh}`
    this.#timeoutMs = settings['timeouts.lock']
    this.#last = first
    this.#lock = settings.lock
    // In Node, clients may be of different people, also if there is a document.
    if (!settings.tabs || settings.tokens === 'headers' || !page.location) return
    const channel = whereAllowed(() => page.BroadcastChannel && new page.BroadcastChannel(this.#name))
    channel?.unref?.()
    if (channel?.unref && page.process) {
      channel.close()
      return
    }
    const locks = whereAllowed(() => page.navigator?.locks)
    this.#lock ??= locks && ((name, work, options) => locks.request(name, options, work))
    this.#channel = channel
    if (channel) channel.onmessage = ({ data }) => this.#hear(data, hear)
  }

  /**
   * Runs `work` after the calls before it, and while no other tab has its turn. A call sees the results of the calls
   * before it. After `turnMs` (0: never), others need not wait for it any longer.
   */
  take<T>(work: () => Promise<T>, turnMs = 0): Promise<T> {
    const turn = this.#last.then(() => this.#locked(work, turnMs))
    this.#last = turn.catch(() => {})
    return turn
  }

  #locked<T>(work: () => Promise<T>, turnMs: number): Promise<T> {
    let begun: Promise<T> | undefined
    const go = () => {
      begun ??= this.#afterLastWord(work)
      return begun
    }
    const lock = this.#lock
    if (!lock) return go()
    // Whatever becomes of the lock (refused, late or stolen), the work is done once.
    const held = bounded(signal => lock(this.#name, () => bounded(go, turnMs), { signal }), this.#timeoutMs)
    return held.then(go, go)
  }

  async #afterLastWord<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isElsewhere) {
      const heard = new Promise<void>(resolve => {
        this.#ended = resolve
      })
      await bounded(() => heard, LAST_WORD_MS).catch(() => {})
      this.#isElsewhere = false
    }
    this.#post('begin')
    return work().finally(() => this.#post('done'))
  }

  #hear(data: unknown, listener: (message: Message) => void): void {
    if (!isObject(data)) return
    const { type } = data
    if (type === 'begin' || type === 'done') {
      this.#isElsewhere = type === 'begin'
      if (type === 'done') this.#ended?.()
    } else if (TYPES.includes(type as Message['type'])) listener(data as unknown as Message)
  }

  tell(message: Message): void {
    this.#post(message.type, message)
  }

  /** Ignores errors, because the event has already happened. */
  #post(type: string, message?: Message): void {
    whereAllowed(() => this.#channel?.postMessage({ ...message, type }))
  }

  close(): void {
    this.#channel?.close()
    this.#channel = undefined
    this.#ended?.()
  }
}
