/** The globals that the client uses. Node has no `document` and no `location`, and React Native lacks more of them. */
interface Page {
  readonly document?: { readonly cookie: string; readonly baseURI: string }
  readonly location?: { readonly origin: string }
  readonly navigator?: { readonly locks?: Locks }
  readonly BroadcastChannel?: new (name: string) => Channel
  readonly AbortController?: typeof AbortController
  readonly AbortSignal?: { timeout?(milliseconds: number): AbortSignal }
}

/** The part of Web Locks that the client uses. Undefined if the page is not secure (https or localhost). */
export interface Locks {
  request<T>(name: string, options: { ifAvailable?: boolean }, work: (lock: object | null) => Promise<T>): Promise<T>
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

/**
 * Returns the cookies that scripts of this page can read; an empty string without a page, and in a sandboxed frame that
 * may not read cookies.
 */
export function cookiesOfPage(): string {
  return whereAllowed(() => page.document?.cookie) ?? ''
}

/** Returns the result of `work`, or undefined if the platform throws (a sandboxed frame has no cookies or channels). */
export function whereAllowed<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
