/** The globals that the client uses. Node has no `document` and no `location`, and React Native lacks more of them. */
interface Page {
  readonly document?: { cookie: string }
  readonly location?: { readonly origin: string; readonly href: string }
  readonly navigator?: { readonly locks?: Locks }
  readonly performance?: { now(): number }
  /** Exists in Node. */
  readonly process?: object
  readonly BroadcastChannel?: new (name: string) => Channel
  readonly AbortController?: typeof AbortController
  readonly Request?: typeof Request
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

/** Returns the result of `work`, or undefined if the platform throws (a sandboxed frame has no cookies or channels). */
export function whereAllowed<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

/** Milliseconds that only go forward, whatever happens to the clock of the device. Some platforms have only the clock. */
export const monotonicMs = (): number => (page.performance ?? Date).now()

/** Deletes a readable cookie of the page, so that a reload does not take it for a login. */
export function dropCookie(name: string): void {
  whereAllowed(() => {
    if (page.document) page.document.cookie = `${name}=; path=/; max-age=0`
  })
}
