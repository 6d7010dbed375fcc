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

  /** Whether the tab runs. */
  get isOpen(): boolean {
    return this.#waiting === undefined
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
    this.freeze()
    this.#die()
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

  #timers() {
    const cleared = new WeakSet<NodeJS.Timeout>()
    return {
      setTimeout: (work: () => void, ms: number) => {
        const timer: NodeJS.Timeout = setTimeout(() => this.pass(() => cleared.has(timer) || work()), ms)
        return timer
      },
      clearTimeout: (timer?: NodeJS.Timeout) => {
        if (timer) cleared.add(timer)
        clearTimeout(timer)
      },
    }
  }

  #channels() {
    const gate = this
    return class {
      readonly #channel: InstanceType<typeof BroadcastChannel>

      constructor(name: string) {
        this.#channel = new BroadcastChannel(name)
      }

      set onmessage(listener: (event: { readonly data: unknown }) => void) {
        this.#channel.onmessage = (event: unknown) => gate.pass(() => listener(event as { data: unknown }))
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
