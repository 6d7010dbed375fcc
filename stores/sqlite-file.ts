import { fstatSync, openSync, realpathSync, statSync } from 'node:fs'

export interface FileLook {
  /** Which file a path leads to. */
  readonly identity: string
  /** Its size and time besides: another look is another content. */
  readonly look: string
  /** How many names it has. */
  readonly links: number
}

export const noFile: FileLook = { identity: '', look: '', links: 0 }

/** Of a file that is not there, or may not be seen, `noFile`. */
export function lookAt(path: string): FileLook {
  try {
    const { dev, ino, size, mtimeNs, nlink } = statSync(path, { bigint: true })
    const identity = `${dev}:${ino}`
    return { identity, look: `${identity}:${size}:${mtimeNs}`, links: Number(nlink) }
  } catch {
    return noFile
  }
}

/** Where SQLite keeps the write-ahead log of a database: beside the file that a link leads to. */
export function logOf(path: string): string {
  try {
    return `${realpathSync(path)}-wal`
  } catch {
    return `${path}-wal`
  }
}

/** Descriptors by identity of the file. */
const held = new Map<string, number>()

/**
 * A descriptor to read a database past SQLite; `undefined` if it may not be read, or there is no such folder. A file that
 * is missing is made first, for its owner alone: SQLite gives its log and its index the same permissions.
 *
 * It is never closed. The system drops all locks that a process has on a file when the process closes any descriptor of
 * it, those of SQLite too (sqlite.org/howtocorrupt.html §2.2).
 */
export function hold(path: string): number | undefined {
  const known = held.get(lookAt(path).identity)
  if (known !== undefined) return known
  try {
    const descriptor = openSync(path, isMissing(path) ? 'a+' : 'r', 0o600)
    const { dev, ino } = fstatSync(descriptor, { bigint: true })
    held.set(`${dev}:${ino}`, descriptor)
    return descriptor
  } catch {
    // SQLite will say what is wrong.
    return undefined
  }
}

const isMissing = (path: string) => statSync(path, { throwIfNoEntry: false }) === undefined
