import { BroadcastChannel } from 'node:worker_threads'

/**
 * Stands between a tab and all that comes to it from outside: answers, locks, messages, timers. While the tab is frozen
 * they wait; a tab that was killed never gets them.
 */
export class Gate {
  #die = () => {}
  readonly #killed = new Promise<void>(resolve => {
    this.#die = resolve
  })
  #waiting: (() => void)[] | undefined
  #isKilled = false
  readonly #running = new Set<NodeJS.Timeout>()
  /** What becomes of the next messages. */
  readonly #fates: ('lost' | 'doubled')[] = []
  /** Messages that come once more. */
  #doubled: (() => void)[] = []

  /** Whether the tab runs. */
  get isOpen(): boolean {
    return this.#waiting === undefined
  }

  get isKilled(): boolean {
    return this.#isKilled
  }

  freeze(): void {
    this.#waiting ??= []
  }

  /** The tab runs again: what has waited comes in the order in which it arrived. */
  thaw(): void {
    if (this.#isKilled) return
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const work of waiting) this.pass(work)
  }

  kill(): void {
    this.#isKilled = true
    for (const timer of this.#running) clearTimeout(timer)
    this.freeze()
    this.#die()
  }

  /** Of a tab that runs. `lost`: the next message does not come. `doubled`: it comes once more, after the one that follows it. */
  spoil(fate: 'lost' | 'doubled'): void {
    this.#fates.push(fate)
  }

  /** From now on messages come as they are sent. */
  spare(): void {
    this.#fates.length = 0
    this.#doubled = []
  }

  /** Runs `work` now, or when the tab runs again. */
  pass(work: () => void): void {
    if (this.#waiting) this.#waiting.push(work)
    else work()
  }

  /** Settles as `result` does, at a time at which the tab runs. */
  after<T>(result: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      result.then(
        value => this.pass(() => resolve(value)),
        error => this.pass(() => reject(error)),
      )
    })
  }

  /** The globals of the tab's realm that wait at this gate. `locks` are those of the browser. */
  globals(locks: { request: Request }): Record<string, unknown> {
    return { ...this.#timers(), BroadcastChannel: this.#channels(), navigator: { locks: this.#locks(locks) } }
  }

  #locks({ request }: { request: Request }): { request: Request } {
    return {
      request: (name, options, work) => {
        // The browser takes the lock of a killed tab away.
        const held = () => Promise.race([this.after(Promise.resolve()).then(work), this.#killed])
        return this.after(request(name, options, held))
      },
    }
  }

  #hear(work: () => void): void {
    const fate = this.isOpen ? this.#fates.shift() : undefined
    const again = this.#doubled
    this.#doubled = fate === 'doubled' ? [work] : []
    if (fate !== 'lost') this.pass(work)
    for (const one of again) this.pass(one)
  }

  #timers() {
    const running = this.#running
    return {
      setTimeout: (work: () => void, ms: number) => {
        const ring = () => this.pass(() => running.delete(timer) && work())
        const timer: NodeJS.Timeout = setTimeout(ring, ms)
        running.add(timer)
        return timer
      },
      clearTimeout: (timer?: NodeJS.Timeout) => {
        if (timer) running.delete(timer)
        clearTimeout(timer)
      },
    }
  }

  #channels() {
    const gate = this
    return class {
      readonly #channel: BroadcastChannel

      constructor(name: string) {
        this.#channel = new BroadcastChannel(name)
      }

      set onmessage(listener: (event: { readonly data: unknown }) => void) {
        this.#channel.onmessage = event => gate.#hear(() => listener(event as unknown as { data: unknown }))
      }

      postMessage(message: unknown): void {
        this.#channel.postMessage(message)
      }

      close(): void {
        this.#channel.close()
      }

      unref(): void {
        this.#channel.unref()
      }
    }
  }
}

type Request = (name: string, options: { signal?: AbortSignal }, work: () => Promise<unknown>) => Promise<unknown>
