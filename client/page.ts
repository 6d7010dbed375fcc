/** What there is of a page around this script; nothing of it in Node. */
interface Page {
  readonly document?: { readonly cookie: string; readonly baseURI: string }
  readonly location?: { readonly origin: string }
  readonly navigator?: { readonly locks?: Locks }
}

/** As much of the Web Locks as is needed; undefined where the page is not secure (https or localhost). */
export interface Locks {
  request<T>(name: string, options: { ifAvailable?: boolean }, work: (lock: object | null) => Promise<T>): Promise<T>
}

// Not the types of the DOM: programs without them use this client too.
export const page = globalThis as Page
