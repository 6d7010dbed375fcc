import { createHash } from 'node:crypto'

/** How long a write without an answer blocks other writes of its key, in milliseconds after its timeout. */
const WAITED_FOR_MS = 10_000

/** How long the backend may still apply a rejected write, in milliseconds. */
const REMEMBERED_MS = 600_000

/**
 * The maximum number of records with unsure writes (see `UnsureWrite`). When it is reached, writes of other records
 * reject.
 */
const MOST_NAMES = 10_000

/** How many records are searched for writes that can be forgotten, each time a write is added. */
const SWEPT_AT_ONCE = 10

/** A write that timed out or was rejected. The backend may have applied it, or may still apply it. */
interface UnsureWrite {
  /** The hash of the value, because values can be large; `undefined` for a deletion. */
  readonly content: string | undefined
  readonly givenUpAt: number
  /** Reads the record again, and writes the confirmed value again if this write has replaced it. */
  readonly verify: () => void
  outcome: 'pending' | 'made' | 'rejected'
  /** A later write of the same name was confirmed, so readers must not see this one. */
  isSuperseded: boolean
}

interface UnsureName {
  readonly writes: Set<UnsureWrite>
  /** The last confirmed value since the first of `writes` was added. */
  acknowledged?: string
}

/**
 * Writes that timed out or were rejected, by the name of their record. The backend may still apply them.
 *
 * Keyv cannot cancel a write, so a late write may replace a newer one. Three rules protect confirmed values. While a
 * write has no answer, other writes of its name are refused, for a limited time. Later, other writes are allowed; if a
 * read then finds the content of the late write, the confirmed value is written again. A late write is forgotten only
 * after a read that began after the backend had applied it.
 */
export class UnsureWrites {
  readonly #names = new Map<string, UnsureName>()

  /**
   * Adds a write. `running` settles when the backend answers. This class calls `verify` when the backend has applied
   * the write, and before it forgets a write that the backend may have applied. `verify` must wait for the running
   * calls for the record, and then read the record.
   */
  add(name: string, sealed: string | undefined, running: Promise<unknown>, verify: () => void): void {
    this.#sweep()
    const givenUpAt = performance.now()
    const content = contentOf(sealed)
    const write: UnsureWrite = { content, givenUpAt, verify, outcome: 'pending', isSuperseded: false }
    const entry = this.#names.get(name) ?? { writes: new Set() }
    entry.writes.add(write)
    this.#names.set(name, entry)
    running.then(
      () => settle(write),
      () => {
        write.outcome = 'rejected'
      },
    )
  }

  /** The number of names with unsure writes. */
  get size(): number {
    return this.#names.size
  }

  /**
   * Checks that a write of the record `name` may begin.
   * @throws Error if an earlier write of the record has no answer yet. After a limited time, such a write is ignored.
   * Also throws if too many other records have unsure writes.
   */
  refuseWhilePending(name: string): void {
    if (this.#names.size >= MOST_NAMES && !this.#names.has(name)) {
      this.#sweep()
      throw new Error(
        `KeyvTokenStore: writes of ${MOST_NAMES} records have failed or timed out; try again when the backend accepts writes`,
      )
    }
    const since = performance.now() - WAITED_FOR_MS
    for (const { outcome, givenUpAt } of this.#names.get(name)?.writes ?? []) {
      if (outcome === 'pending' && givenUpAt > since)
        throw new Error('KeyvTokenStore: an earlier write of this key has no answer yet; try again in some seconds')
    }
  }

  /**
   * Marks `sealed` as the confirmed value of the record `name`. Call it after a write of this value was read back. All
   * unsure writes of the record began before that write.
   */
  acknowledge(name: string, sealed: string): void {
    const entry = this.#names.get(name)
    if (!entry) return
    entry.acknowledged = sealed
    for (const write of entry.writes) write.isSuperseded = true
  }

  /** Whether a read may find a value that a later write has replaced. */
  mayMislead(name: string): boolean {
    for (const { isSuperseded } of this.#names.get(name)?.writes ?? []) if (isSuperseded) return true
    return false
  }

  /**
   * Returns the confirmed value if a late write has replaced it; otherwise `undefined`. `held`: the value in the
   * backend.
   */
  whatToRestore(name: string, held: string | undefined): string | undefined {
    const entry = this.#names.get(name)
    if (entry?.acknowledged === undefined || entry.acknowledged === held) return undefined
    const seen = contentOf(held)
    const isLate = [...entry.writes].some(({ isSuperseded, content }) => isSuperseded && content === seen)
    return isLate ? entry.acknowledged : undefined
  }

  /**
   * Returns the writes of `name` that the backend has applied. A read that begins now shows whether they must be
   * undone.
   */
  made(name: string): readonly object[] {
    return [...(this.#names.get(name)?.writes ?? [])].filter(({ outcome }) => outcome === 'made')
  }

  forget(name: string, writes: readonly object[]): void {
    const entry = this.#names.get(name)
    if (!entry) return
    for (const write of writes) entry.writes.delete(write as UnsureWrite)
    if (entry.writes.size === 0) this.#names.delete(name)
  }

  /** Forgets old writes. Each call checks only a few names. Names that still have writes move to the end of the Map. */
  #sweep(): void {
    const before = performance.now() - REMEMBERED_MS
    for (const [name, entry] of [...firstOf(this.#names, SWEPT_AT_ONCE)]) {
      this.#names.delete(name)
      for (const write of entry.writes) {
        if (write.givenUpAt > before) continue
        // If no confirmed write has followed, there is no newer value that this write could replace.
        if (!write.isSuperseded) entry.writes.delete(write)
        else if (write.outcome !== 'pending') settle(write)
      }
      if (entry.writes.size > 0) this.#names.set(name, entry)
    }
  }
}

/**
 * Marks a write as applied and calls its `verify`, which reads the record and undoes the write if necessary. Call it
 * when the backend has applied the write, or can no longer apply it.
 */
function settle(write: UnsureWrite): void {
  write.outcome = 'made'
  write.verify()
}

function contentOf(sealed: string | undefined): string | undefined {
  return sealed === undefined ? undefined : createHash('sha256').update(sealed).digest('base64url')
}

function* firstOf<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count
  for (const item of items) {
    if (left-- <= 0) return
    yield item
  }
}
