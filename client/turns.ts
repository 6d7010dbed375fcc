import type { Message } from './machine.js'
import type { Settings } from './options.js'
import { attempt, bounded, ignore, page } from './page.js'

/** How long a tab waits for the last messages of the tab that had its turn. They arrive at once, unless it was closed. */
const LAST_WORD_MS = 1000

/** Turns with other tabs, and messages to them. */
export interface Turns {
  /**
   * Runs `work` after the calls before it, and while no other tab has its turn. A call sees the results of the calls
   * before it. After `turnMs` (0: never), others need not wait for it any longer.
   */
  take<T>(work: () => Promise<T>, turnMs?: number): Promise<T>
  /** Sends a message. Ignores errors, because the event has already happened. */
  tell(message: Message | { readonly type: 'begin' | 'done' }): void
  close(): void
}

/**
 * The turns of all tabs that share the cookies of one server. A tab takes its turn with a lock, but never waits without
 * limit, and never takes a lock away. The turns begin after `first`.
 */
export function turnsOf(settings: Settings, first: Promise<unknown>, hear: (message: Message) => void): Turns {
  const name = `koa-authx ${settings['paths.refresh']}`
  const { BroadcastChannel, process, location } = page
  // In Node, clients may be of different people, also if there is a document.
  const isNode = process && BroadcastChannel?.prototype.unref
  const isLinked = settings.tabs && settings.tokens !== 'headers' && location && !isNode
  const channel = isLinked ? attempt(() => BroadcastChannel && new BroadcastChannel(name)) : undefined
  const locks = isLinked ? attempt(() => page.navigator?.locks) : undefined
  const { lock = locks && ((key, work, options) => locks.request(key, options, work)) } = settings
  let last = first
  /** Resolves when the tab that has its turn says that it is done. */
  let others: Promise<void> | undefined
  let done = ignore
  const tell: Turns['tell'] = message => void attempt(() => channel?.postMessage(message))
  const afterOthers = async <T>(work: () => Promise<T>) => {
    await bounded(() => others, LAST_WORD_MS).catch(ignore)
    others = undefined
    tell({ type: 'begin' })
    return work().finally(() => tell({ type: 'done' }))
  }
  const locked = <T>(work: () => Promise<T>, turnMs: number | undefined) => {
    let begun: Promise<T> | undefined
    const go = () => {
      begun ??= afterOthers(work)
      return begun
    }
    // Whatever becomes of the lock (refused, late or stolen), the work is done once.
    return lock
      ? bounded(signal => lock(name, () => bounded(go, turnMs), { signal }), settings['timeouts.lock']).then(go, go)
      : go()
  }
  // In Node with a simulated page, the channel would keep the process alive.
  channel?.unref?.()
  if (channel)
    channel.onmessage = ({ data }) => {
      const { type } = Object(data)
      if (/^(login|refresh|logout)$/.test(type)) hear(data as Message)
      done()
      if (type === 'begin')
        others = new Promise(resolve => {
          done = resolve
        })
    }
  return {
    take(work, turnMs) {
      const turn = last.then(() => locked(work, turnMs))
      last = turn.catch(ignore)
      return turn
    },
    tell,
    close: () => channel?.close(),
  }
}
