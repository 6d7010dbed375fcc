/** What there may be around this script: of a page nothing in Node, of the rest not all in React Native. */
interface Page {
  readonly document?: { readonly cookie: string; readonly baseURI: string }
  readonly location?: { readonly origin: string }
  readonly navigator?: { readonly locks?: Locks }
  readonly BroadcastChannel?: new (name: string) => Channel
  readonly AbortController?: typeof AbortController
  readonly AbortSignal?: { timeout?(milliseconds: number): AbortSignal }
}

/** As much of the Web Locks as is needed; undefined where the page is not secure (https or localhost). */
export interface Locks {
  request<T>(name: string, options: { ifAvailable?: boolean }, work: (lock: object | null) => Promise<T>): Promise<T>
}

/** As much of a BroadcastChannel as is needed. */
export interface Channel {
  onmessage: ((event: { readonly data: unknown }) => void) | null
  postMessage(message: unknown): void
  close(): void
  /** Node's, which would otherwise keep the process alive. */
  unref?(): void
}

// Not the types of the DOM: programs without them use this client too.
export const page = globalThis as unknown as Page

/** The cookies that scripts of this page can read; none in a frame that may not (`sandbox`), and where there is no page. */
export function cookiesOfPage(): string {
  return whereAllowed(() => page.document?.cookie) ?? ''
}

/** What `work` returns; undefined where the platform throws: a sandboxed frame, say, is refused cookies and channels. */
export function whereAllowed<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
