/** The globals that the client uses. Node has no `document` and no `location`, and React Native lacks more of them. */
interface Page {
  readonly document?: { cookie: string }
  readonly location?: { readonly origin: string; readonly href: string }
  readonly navigator?: { readonly locks?: Locks }
  readonly performance?: { now(): number }
  /** Exists in Node. */
  readonly process?: object
  readonly BroadcastChannel?: { readonly prototype: Channel; new (name: string): Channel }
}

/** The part of Web Locks that the client uses. Undefined if the page is not secure (https or localhost). */
interface Locks {
  request(name: string, options: { signal?: AbortSignal }, work: () => Promise<unknown>): Promise<unknown>
}

/** The part of BroadcastChannel that the client uses. */
export interface Channel {
  onmessage: ((event: { readonly data: unknown }) => void) | null
  postMessage(message: unknown): void
  close(): void
  /** Exists in Node only: without it, the channel would keep the process alive. */
  unref?(): void
}

// The DOM types are not used, because programs without them use this client too.
export const page = globalThis as unknown as Page

/** The longest time that timers accept. Longer times make them run at once. */
export const LONGEST_MS: number = 2 ** 31 - 1

/** Returns the result of `work`, or undefined if it throws (in a sandboxed frame, cookies and channels throw). */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

/** Milliseconds that only go forward, whatever happens to the clock of the device. Some platforms have only the clock. */
export const monotonicMs = (): number => (page.performance ?? Date).now()

export const isObject = (value: unknown): value is Record<string, unknown> =>
  Object(value) === value && !Array.isArray(value)

export const named = (name: string, message = name): Error => Object.assign(new Error(message), { name })

export const ignore = (): void => {}

/**
 * Resolves or rejects as `work` does, but not later than the caller allows: after `timeoutMs` (0: no limit) it rejects
 * with an error named `TimeoutError`, and when `stop` is aborted, with its reason. The signal of `work` is aborted then.
 */
export function bounded<T>(
  work: (signal: AbortSignal | undefined) => Promise<T> | T,
  timeoutMs?: number,
  stop?: AbortSignal | null,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const controller = attempt(() => new AbortController())
    // Rejects before the abort: a custom `fetch` may ignore the signal, or reject with another error.
    const end = (error: unknown) => {
      reject(error)
      controller?.abort(error)
    }
    const halt = () => end(stop?.reason ?? named('AbortError'))
    if (stop?.aborted) return halt()
    const timer =
      timeoutMs && setTimeout(() => end(named('TimeoutError', `No answer within ${timeoutMs} ms`)), timeoutMs)
    stop?.addEventListener('abort', halt)
    new Promise<T>(done => done(work(controller?.signal))).then(resolve, reject).finally(() => {
      clearTimeout(timer)
      stop?.removeEventListener('abort', halt)
    })
  })
}
