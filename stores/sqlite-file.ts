import { fstatSync, openSync, realpathSync, statSync } from 'node:fs'

export interface FileLook {
  /** The file that a path leads to: device and inode. */
  readonly identity: string
  /** The identity with size and time of change. If it differs, the content has changed. */
  readonly look: string
  /** The number of names (hard links). */
  readonly links: number
}

export const noFile: FileLook = { identity: '', look: '', links: 0 }

/** Reads identity, size and time of the file at `path`; `noFile` if it is missing or not accessible. */
export function lookAt(path: string): FileLook {
  try {
    const { dev, ino, size, mtimeNs, nlink } = statSync(path, { bigint: true })
    const identity = `${dev}:${ino}`
    return { identity, look: `${identity}:${size}:${mtimeNs}`, links: Number(nlink) }
  } catch {
    return noFile
  }
}

/**
 * Returns the path of a database's write-ahead log. SQLite keeps it next to the real file, not next to a symbolic link.
 */
export function logOf(path: string): string {
  try {
    return `${realpathSync(path)}-wal`
  } catch {
    return `${path}-wal`
  }
}

/** Open descriptors, by the identity of their file. */
const held = new Map<string, number>()

/**
 * Opens a file to read a database without SQLite. Returns its descriptor; `undefined` if the file is not readable or
 * its folder is missing. A missing file is created with mode 0600. SQLite gives its log and its index the same mode.
 *
 * The descriptor is never closed. If a process closes any descriptor of a file, the system drops all locks that the
 * process has on the file, also the locks of SQLite (sqlite.org/howtocorrupt.html §2.2).
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
    // SQLite will report what is wrong.
    return undefined
  }
}

const isMissing = (path: string) => statSync(path, { throwIfNoEntry: false }) === undefined
