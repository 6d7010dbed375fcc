import { closeSync, openSync, readSync } from 'node:fs'

/** In the place of a mark: what the file holds is a mixture. */
export const MIXED = 'koa_authx mixed'

const next = `UPDATE koa_authx_mark SET mark = 'koa_authx ' || substr(mark, -16) || ' ' || hex(randomblob(8)) WHERE mark <> '${MIXED}'`

/**
 * SQLite does not notice that a write-ahead log was written for another state of the file: a backup beside the log of
 * before is read as a mixture of both. So each write gives a row a new mark, which names the mark before it. A file and
 * a log fit if the mark in the file, read past the log, is the one that the log begins after, or one of the log's own.
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
  /** Once for each transaction that deletes: a trigger would name marks that no file ever has, for it runs for each row. */
  next,
  condemn: `UPDATE koa_authx_mark SET mark = '${MIXED}'`,
}

/** A row of one text of 43 characters, as a page of a table holds it (SQLite file format §1.6, §2.1). */
const CELL = Buffer.from([45, 1, 2, 99])
const TABLE_LEAF = 13
const MARK = /^koa_authx ([0-9A-F]{16}) ([0-9A-F]{16})$/
const NEVER = '0'.repeat(16)

const tries = 5

/**
 * Whether a log was written for its file as that is. `empty`: it holds nothing, so nothing of it can be in the file.
 * `unmarked`: what it holds is of other tables, or it cannot be told.
 */
export type Fit = 'fits' | 'another' | 'empty' | 'unmarked'

/** `path`: that of the log. `file`: a descriptor. */
export function fitOf(path: string, file: number): Fit {
  for (let n = 0; n < tries; n++) {
    const verdict = compared(path, file)
    if (verdict !== 'unknown') return verdict
  }
  // Other processes write all the time. Nobody is refused without proof.
  return 'unmarked'
}

function compared(path: string, file: number): Fit | 'unknown' {
  const header = read(file, 0, 100)
  const log = readLog(path)
  // SQLite discards the log beside an empty file.
  if (header === undefined || log === undefined) return 'empty'
  if (log.marks.size === 0) return 'unmarked'
  const mark = markOf(file, log)
  if (isOf(log, header, mark)) return 'fits'
  // The log may have grown, or begun again, and been copied into the file meanwhile.
  const again = readLog(path)
  const stood = again?.salts === log.salts && markOf(file, again) === mark
  return stood && !isOf(again, header, mark) ? 'another' : 'unknown'
}

function isOf(log: Log, header: Buffer, mark: string): boolean {
  // VACUUM INTO, which changes the order of pages, leaves a newer version than that of the file that was copied.
  return (log.marks.has(mark) && schemaOf(header) <= log.schema) || log.replaced.has(versionOf(header))
}

interface Log {
  /** Other salts are another log. */
  readonly salts: string
  readonly pageSize: number
  /** The pages that hold a mark: one, or two where VACUUM has moved it. */
  readonly pages: ReadonlySet<number>
  readonly marks: ReadonlySet<string>
  /** The newest version of the schema that the log holds. */
  readonly schema: number
  /**
   * Versions of the file, before and while the log is copied into it, if the first transaction of the log writes every
   * page: SQLite restores a backup so into a database that is open (`.restore`). It brings the marks of the backup.
   */
  readonly replaced: ReadonlySet<string>
}

const schemaOf = (header: Buffer) => header.readUInt32BE(40)

/** Two numbers that SQLite counts up when it changes the first page, and when it changes the schema or restores a backup. */
const versionOf = (header: Buffer, since = 0) => `${header.readUInt32BE(24) - since} ${schemaOf(header) - since}`

/** The mark in the file itself: in a page that the log has a newer copy of, or in any, where VACUUM has moved it since. */
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

/** What a log says of marks; `undefined` if it holds nothing (SQLite file format §4.1). */
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
    // Frames of an earlier log stay behind those of the present one, with other salts.
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

/** Whether a transaction has written every page of the database, but for the one that SQLite never uses (§1.4). */
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
    // It is not there, or SQLite will say why it cannot be read.
    return undefined
  }
}

function read(file: number, from: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length)
  return readSync(file, bytes, 0, length, from) === length ? bytes : undefined
}
