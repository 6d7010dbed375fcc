import type { TestContext } from 'node:test'
import type { AuthXClient, AuthXClientOptions, TokensIn } from 'koa-authx/client'
import { Gate } from './gate.js'
import { platform } from './platform.js'
import type { Scene } from './scene.js'

/** A browser with the cookies of a scene: its tabs share locks, messages and the clock. */
export interface Browser {
  /** Another tab. With `gate` it can be frozen and killed. */
  tab(tokens: TokensIn, options?: Partial<AuthXClientOptions>, gate?: Gate): Promise<AuthXClient>
  /** A tab takes the lock and does not run any more. */
  hold(): void
  /** Somebody takes the lock away from its holder. */
  steal(): void
  /** How many tabs wait for the lock. */
  readonly waiting: number
  /** How often a client has taken a lock away. */
  readonly steals: number
  /** Sends a message to all tabs. */
  post(message: unknown): void
  /** Resolves when all messages that were sent have come to the tabs. */
  delivered(): Promise<void>
  /** What is added to the clock of the device. A client reads that clock only in an old browser. */
  clockMs: number
  /** Whether its tabs have no clock that only goes forward. */
  isOld: boolean
}

interface Waiting {
  grant(): void
}

/** Web Locks, as far as the client uses them: one lock. */
class Locks {
  steals = 0
  #isHeld = false
  #rob = (_: Error) => {}
  readonly queue: Waiting[] = []

  request = (_: string, options: { signal?: AbortSignal; steal?: boolean }, work: () => Promise<unknown>) => {
    if (options.steal) this.steals++
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        grant: () => {
          this.#isHeld = true
          this.#rob = reject
          const next = () => {
            this.#isHeld = false
            this.queue.shift()?.grant()
          }
          work().then(resolve, reject).finally(next)
        },
      }
      options.signal?.addEventListener('abort', () => {
        const at = this.queue.indexOf(waiting)
        if (at >= 0) this.queue.splice(at, 1)
        reject(options.signal?.reason)
      })
      if (this.#isHeld) this.queue.push(waiting)
      else waiting.grant()
    })
  }

  hold(): void {
    void this.request('', {}, () => new Promise(() => {}))
  }

  steal(): void {
    this.#rob(new DOMException('The lock was stolen', 'AbortError'))
  }
}

export function browserOf(t: TestContext, server: Scene, document: object = {}): Browser {
  const locks = new Locks()
  const { origin, jar } = server
  const channel = new BroadcastChannel(`koa-authx ${origin}/refresh`)
  const witness = new BroadcastChannel(channel.name)
  t.after(() => channel.close())
  t.after(() => witness.close())
  const made: Browser = {
    clockMs: 0,
    isOld: false,
    get waiting() {
      return locks.queue.length
    },
    get steals() {
      return locks.steals
    },
    hold: () => locks.hold(),
    steal: () => locks.steal(),
    post: message => channel.postMessage(message),
    async delivered() {
      // In one turn of the event loop all channels get what was sent before it.
      for (const number of [1, 2]) {
        await new Promise<void>(resolve => {
          witness.onmessage = event => {
            if (Object((event as { data?: unknown }).data).number === number) resolve()
          }
          channel.postMessage({ number })
        })
        await new Promise(setImmediate)
      }
    },
    async tab(tokens, options = {}, gate = new Gate()) {
      const dateOfBrowser = class extends Date {
        static override now() {
          return Date.now() + made.clockMs
        }
      }
      const page = {
        ...document,
        get cookie() {
          return jar.cookies()
        },
        set cookie(line: string) {
          const [name = ''] = line.split('=')
          if (/max-age=0/.test(line)) jar.drop(name)
        },
      }
      const { AuthXClient } = await platform([], {
        document: page,
        location: { origin, href: `${origin}/` },
        ...gate.globals(locks),
        ...(made.isOld ? {} : { performance }),
        Date: dateOfBrowser,
      })
      const client = new AuthXClient({ tokens, fetch: jar.fetch, ...options })
      t.after(() => client.close())
      return client
    },
  }
  return made
}
