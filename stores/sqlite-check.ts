import { accessSync, constants, realpathSync, type Stats, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { StoreFinding } from '../src/store.js'

/** Types of file systems that several machines may share (statfs, Linux), and their names. */
const SHARED: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4266872130: 'SMB',
  4283649346: 'CIFS',
  1702057286: 'FUSE',
  16914839: '9P',
  1397113167: 'AFS',
  12805120: 'Ceph',
  198183888: 'Lustre',
  18225520: 'GFS2',
  1952539503: 'OCFS2',
  1196443219: 'GPFS',
  2020557398: 'a folder of VirtualBox',
}

/** Where a process reads and writes a database. */
interface Place {
  readonly path: string
  readonly folder: string
}

/**
 * Looks at a database and its folder. `open` opens the database; it is not called if the folder does not allow that.
 * @throws the error of `open`.
 */
export async function checkSqlite(path: string, open: () => Promise<unknown>): Promise<StoreFinding[]> {
  const { folder } = placeOf(path)
  const found = [...folderFindings(folder), ...sharedFindings(folder)]
  if (found.some(({ code }) => code === 'sqlite-folder')) return found
  await open()
  return [...found, ...modeFindings(placeOf(path))]
}

/** SQLite keeps the other files next to the file that a symbolic link leads to. */
function placeOf(path: string): Place {
  try {
    const real = realpathSync(path)
    return { path: real, folder: dirname(real) }
  } catch {
    return { path, folder: dirname(path) }
  }
}

function folderFindings(folder: string): StoreFinding[] {
  const problem = problemOf(folder)
  if (problem === undefined) return []
  const [why, run] = problem
  const message = `The folder ${folder} ${why}, so the store cannot open its file, and requests are answered with 503. Run: ${run}`
  return [{ code: 'sqlite-folder', message }]
}

function problemOf(folder: string): readonly [why: string, run: string] | undefined {
  if (!lookAt(folder)?.isDirectory()) {
    return ['does not exist, or cannot be seen by this process', `mkdir -m 700 ${quoted(folder)}`]
  }
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return undefined
  } catch {
    const why = 'is not writable for this process (SQLite creates files next to the database)'
    return [why, `chown <user> ${quoted(folder)}`]
  }
}

function sharedFindings(folder: string): StoreFinding[] {
  const name = fileSystemOf(folder)
  if (name === undefined) return []
  const message = `The folder ${folder} is on a file system that machines can share (${name}). The write-ahead log of SQLite does not work there if more than one machine uses the file: it can be damaged, and logouts can be lost. Move the file to a local disk, or use RedisTokenStore or PostgresTokenStore.`
  return [{ code: 'sqlite-network', message }]
}

function fileSystemOf(folder: string): string | undefined {
  if (process.platform === 'win32') return folder.startsWith('\\\\') ? 'a network path' : undefined
  try {
    // Other systems have other numbers for their types.
    return process.platform === 'linux' ? sharedFileSystem(statfsSync(folder).type) : undefined
  } catch {
    return undefined
  }
}

/** The name of a file system that machines can share; `undefined` for a local one. `type`: from statfs on Linux. */
export function sharedFileSystem(type: number): string | undefined {
  // On some machines it is a signed number.
  return SHARED[type >>> 0]
}

function modeFindings({ path, folder }: Place): StoreFinding[] {
  // Windows has no such modes.
  if (process.platform === 'win32') return []
  const files = [path, `${path}-wal`, `${path}-shm`]
  const writable = files.filter(file => allows(file, 0o022))
  const readable = files.filter(file => allows(file, 0o044) && !writable.includes(file))
  const isOpen = allows(folder, 0o002) && !allows(folder, 0o1000)
  return [
    ...(isOpen ? [openFolder(folder)] : []),
    ...(writable.length > 0
      ? [openFiles('sqlite-writable', 'written', 'end sessions and undo logouts', writable)]
      : []),
    ...(readable.length > 0 ? [openFiles('sqlite-readable', 'read', 'read subjects and IP addresses', readable)] : []),
  ]
}

function openFolder(folder: string): StoreFinding {
  const message = `Every user of this machine can write to the folder ${folder}, and so replace the database. Run: chmod o-w ${quoted(folder)}`
  return { code: 'sqlite-writable', message }
}

function openFiles(code: string, done: string, harm: string, files: readonly string[]): StoreFinding {
  const names = files.map(file => `${file} (mode ${modeOf(file).toString(8)})`).join(', ')
  const message = `Files of the store can be ${done} by other users of this machine, who can ${harm}: ${names}. Run: chmod 600 ${files.map(quoted).join(' ')}`
  return { code, message }
}

function allows(file: string, bits: number): boolean {
  return (modeOf(file) & bits) !== 0
}

function modeOf(file: string): number {
  return (lookAt(file)?.mode ?? 0) & 0o7777
}

function lookAt(file: string): Stats | undefined {
  try {
    return statSync(file)
  } catch {
    return undefined
  }
}

/** A word for a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
