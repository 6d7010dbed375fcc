import type { Settings } from './options.js'

/** The refresh token in the storage of the application. */
export interface Kept {
  /** Resolves to a token that another program has stored, or undefined. */
  read(): Promise<string | undefined>
  /** Makes the storage contain what `current` returns at the end. */
  write(current: () => string | undefined): Promise<void>
}

export function keptIn({ storage, storageKey }: Settings): Kept {
  /** What the storage contains; null if this client does not know. */
  let stored: string | undefined | null = null
  let writing: Promise<void> | undefined
  // One token after another, so that the last one stays.
  const writeAll = async (current: () => string | undefined) => {
    for (let token = current(); storage && token !== stored; token = current()) {
      await (token ? storage.setItem(storageKey, token) : storage.removeItem(storageKey))
      // Not before: if it fails, the storage still contains the token before, which is not a new one.
      stored = token
    }
  }
  return {
    async read() {
      const token = await storage?.getItem(storageKey)
      if (!token || token === stored || writing) return undefined
      stored = token
      return token
    },
    write(current) {
      writing ??= writeAll(current).finally(() => {
        writing = undefined
      })
      return writing
    },
  }
}
