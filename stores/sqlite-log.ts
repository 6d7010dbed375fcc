import { closeSync, openSync, readSync } from 'node:fs'

/** The mark (see `marksSchema`) of a file that is a mixture of two states. */
export const MIXED = 'koa_authx mixed'

const next = `UPDATE koa_authx_mark SET mark = 'koa_authx ' || substr(mark, -16) || ' ' || hex(randomblob(8)) WHERE mark <> '${MIXED}'`

/**
 * SQLite does not notice if a write-ahead log belongs to another state of the file: a backup next to an old log is read
 * as a mixture of both. Therefore each write stores a new mark in a row, together with the mark before it. A file and a
 * log belong together if the mark in the file, read without the log, is one of the log's marks, or the mark before the
 * first of them.
 */
export const marksSchema = `
  CREATE TABLE IF NOT EXISTS koa_authx_mark (mark TEXT NOT NULL) STRICT;
  ${['INSERT', 'UPDATE'].map(trigger).join('\n')}`

function trigger(event: string): string {
  return `CREATE TRIGGER IF NOT EXISTS koa_authx_${event.toLowerCase()} AFTER ${event} ON koa_authx BEGIN ${next}; END;`
}

export const sqlOfMarks = {
  read: 'SELECT mark FROM koa_authx_mark',
  first: `INSERT INTO koa_authx_mark
    SELECT 'koa_authx 0000000000000000 ' || hex(randomblob(8)) WHERE NOT EXISTS (SELECT 1 FROM koa_authx_mark)`,
  /**
   * Stores the next mark. The store runs it once in each transaction that deletes. A trigger would run for each row,
   * and would make marks that are never in a file.
   */
  next,
  condemn: `UPDATE koa_authx_mark SET mark = '${MIXED}'`,
}

/** How a row with one text of 43 characters begins in a page (SQLite file format §1.6, §2.1). */
const CELL = Buffer.from([45, 1, 2, 99])
const TABLE_LEAF = 13
const MARK = /^koa_authx ([0-9A-F]{16}) ([0-9A-F]{16})$/
const NEVER = '0'.repeat(16)

const tries = 5

/**
 * Whether a log belongs to the present state of its file. `fits`: it does. `another`: it belongs to another state.
 * `empty`: the log is empty. `unmarked`: the log contains no mark, only changes to other tables, or the result is
 * unknown.
 */
export type Fit = 'fits' | 'another' | 'empty' | 'unmarked'

/** Compares a log with its file. `path`: the path of the log. `file`: a descriptor of the database. */
export function fitOf(path: string, file: number): Fit {
  for (let n = 0; n < tries; n++) {
    const verdict = compared(path, file)
    if (verdict !== 'unknown') return verdict
  }
  // Other processes write all the time. A file is refused only if it certainly does not fit.
  return 'unmarked'
}

function compared(path: string, file: number): Fit | 'unknown' {
  const header = read(file, 0, 100)
  const log = readLog(path)
  // SQLite discards the log of an empty file.
  if (header === undefined || log === undefined) return 'empty'
  if (log.marks.size === 0) return 'unmarked'
  const mark = markOf(file, log)
  if (isOf(log, header, mark)) return 'fits'
  // In the meantime, the log may have grown or started again, and may have been copied into the file.
  const again = readLog(path)
  const stood = again?.salts === log.salts && markOf(file, again) === mark
  return stood && !isOf(again, header, mark) ? 'another' : 'unknown'
}

function isOf(log: Log, header: Buffer, mark: string): boolean {
  // VACUUM INTO changes the order of pages. Its copy has a newer schema version than the original.
  return (log.marks.has(mark) && schemaOf(header) <= log.schema) || log.replaced.has(versionOf(header))
}

interface Log {
  /** The two salts in the header of the log. SQLite changes them when it starts a new log. */
  readonly salts: string
  readonly pageSize: number
  /** The pages that contain a mark: one, or two if VACUUM has moved it. */
  readonly pages: ReadonlySet<number>
  readonly marks: ReadonlySet<string>
  /** The newest schema version in the log. */
  readonly schema: number
  /**
   * The versions that the file has before and while SQLite copies the log into it. Empty unless the first transaction
   * of the log writes every page. SQLite does this when it restores a backup into an open database (`.restore`). The
   * database then has the marks of the backup.
   */
  readonly replaced: ReadonlySet<string>
}

const schemaOf = (header: Buffer) => header.readUInt32BE(40)

/**
 * The version of a file: two counters. SQLite increases one with each change of the first page, the other with a new
 * schema or a restored backup. `since` is subtracted from both.
 */
const versionOf = (header: Buffer, since = 0) => `${header.readUInt32BE(24) - since} ${schemaOf(header) - since}`

/**
 * Returns the mark in the file, read without the log. Searches the pages that have a mark in the log, then all pages,
 * because VACUUM moves the mark.
 */
function markOf(file: number, { pages, pageSize }: Log): string {
  for (const page of pages) {
    const mark = markIn(read(file, (page - 1) * pageSize, pageSize))
    if (mark !== undefined) return mark.own
  }
  for (let at = 0; ; at += pageSize) {
    const content = read(file, at, pageSize)
    const mark = markIn(content)
    if (mark !== undefined || content === undefined) return mark?.own ?? NEVER
  }
}

/** Reads the marks in a log; `undefined` if the log is empty or missing (SQLite file format §4.1). */
function readLog(path: string): Log | undefined {
  const file = opened(path)
  if (file === undefined) return undefined
  try {
    const header = read(file, 0, 32)
    return header && readFrames(file, header)
  } finally {
    closeSync(file)
  }
}

function readFrames(file: number, header: Buffer): Log {
  const pageSize = header.readUInt32BE(8)
  const pages = new Set<number>()
  const marks = new Set<string>()
  const versions = new Set<string>()
  const ofFirst = { pages: new Set<number>(), size: 0, versionBefore: '' }
  let schema = Number.POSITIVE_INFINITY
  for (let at = 32; ; at += 24 + pageSize) {
    const frame = read(file, at, 24 + pageSize)
    // Frames of an earlier log may follow. They have other salts.
    if (frame === undefined || frame.compare(header, 16, 24, 8, 16) !== 0) break
    const [page, size, content] = [frame.readUInt32BE(0), frame.readUInt32BE(4), frame.subarray(24)]
    if (page === 1) {
      schema = schemaOf(content)
      versions.add(versionOf(content))
      if (ofFirst.size === 0) ofFirst.versionBefore = versionOf(content, 1)
    }
    if (ofFirst.size === 0) {
      ofFirst.pages.add(page)
      // Only the last frame of a transaction says how many pages the database has after it.
      ofFirst.size = size
    }
    const mark = markIn(content)
    if (mark === undefined) continue
    if (marks.size === 0) marks.add(mark.before)
    marks.add(mark.own)
    pages.add(page)
  }
  const replaced = hasAll(ofFirst, pageSize) ? versions.add(ofFirst.versionBefore) : new Set<string>()
  return { salts: header.toString('hex', 16, 24), pageSize, pages, marks, schema, replaced }
}

/**
 * Whether a transaction has written every page of the database, except the one that SQLite never uses (SQLite file
 * format §1.4).
 */
function hasAll({ pages, size }: { pages: ReadonlySet<number>; size: number }, pageSize: number): boolean {
  const unused = 2 ** 30 / pageSize + 1
  const written = [...pages].filter(page => page <= size && page !== unused)
  return size > 0 && written.length === size - (size >= unused ? 1 : 0)
}

function markIn(page: Buffer | undefined): { before: string; own: string } | undefined {
  if (page === undefined) return undefined
  const cell = page.readUInt16BE(8)
  const found = page[0] === TABLE_LEAF && page.subarray(cell, cell + 4).equals(CELL)
  const [, before, own] = (found && MARK.exec(page.toString('latin1', cell + 4, cell + 47))) || []
  return before !== undefined && own !== undefined ? { before, own } : undefined
}

function opened(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch {
    // The file is missing, or SQLite will report why it cannot be read.
    return undefined
  }
}

function read(file: number, from: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length)
  return readSync(file, bytes, 0, length, from) === length ? bytes : undefined
}
