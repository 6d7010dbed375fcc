import { createHash } from 'node:crypto'

/** Milliseconds, after it was given up, for which a write without an answer blocks other writes of its key. */
const WAITED_FOR_MS = 10_000

/** Milliseconds for which the backend may still apply a rejected write. */
const REMEMBERED_MS = 600_000

/** How many names are remembered at most. While there are more, writes reject. */
const MOST_NAMES = 10_000

/** How many names are looked through at each addition for what need not be remembered any more. */
const SWEPT_AT_ONCE = 10

/** A write that was given up or rejected. The backend may have applied it, or may still apply it. */
interface UnsureWrite {
  /** A hash of what it writes, which may be large; `undefined` if it deletes. */
  readonly content: string | undefined
  readonly givenUpAt: number
  /** Read the record again, and undo what this write has changed. */
  readonly verify: () => void
  outcome: 'pending' | 'made' | 'rejected'
  /** A later write of the same name has been acknowledged: this one must not be seen after it. */
  isSuperseded: boolean
}

interface UnsureName {
  readonly writes: Set<UnsureWrite>
  /** What was last acknowledged while there were such writes. */
  acknowledged?: string
}

/**
 * The writes of which this process does not know whether the backend will still make them, by the name of the record.
 *
 * Keyv has no way to take a write back, so one that is late may land on a newer one. Three rules keep what was
 * acknowledged: while such a write has no answer, others of its name are refused, for a bounded time. After that others
 * are let through, and what the late one writes is known by its content when it is read, and replaced. It is forgotten
 * only after a read that began when it was made.
 */
export class UnsureWrites {
  readonly #names = new Map<string, UnsureName>()

  /**
   * Remember a write. `running` settles when the backend answers. `verify` has to read the record in its turn: it is
   * called when the write has been made, and before one is forgotten that may have been made unseen.
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

  /** How many names there are. */
  get size(): number {
    return this.#names.size
  }

  /** @throws Error while a write of this name has no answer, for a bounded time, or while too many names are unsure. */
  refuseWhilePending(name: string): void {
    if (this.#names.size >= MOST_NAMES && !this.#names.has(name)) {
      this.#sweep()
      throw new Error(`KeyvTokenStore: ${MOST_NAMES} writes have no answer; try again when the backend takes writes`)
    }
    const since = performance.now() - WAITED_FOR_MS
    for (const { outcome, givenUpAt } of this.#names.get(name)?.writes ?? []) {
      if (outcome === 'pending' && givenUpAt > since)
        throw new Error('KeyvTokenStore: an earlier write of this key has no answer yet; try again in some seconds')
    }
  }

  /** A write was made and has been read back: what is unsure was begun before it. */
  acknowledge(name: string, sealed: string): void {
    const entry = this.#names.get(name)
    if (!entry) return
    entry.acknowledged = sealed
    for (const write of entry.writes) write.isSuperseded = true
  }

  /** Whether a read may meet a write that must not be seen any more. */
  mayMislead(name: string): boolean {
    for (const { isSuperseded } of this.#names.get(name)?.writes ?? []) if (isSuperseded) return true
    return false
  }

  /** What was acknowledged, if what is held is a late write that came over it. */
  whatToRestore(name: string, held: string | undefined): string | undefined {
    const entry = this.#names.get(name)
    if (entry?.acknowledged === undefined || entry.acknowledged === held) return undefined
    const seen = contentOf(held)
    const isLate = [...entry.writes].some(({ isSuperseded, content }) => isSuperseded && content === seen)
    return isLate ? entry.acknowledged : undefined
  }

  /** The writes of which the backend says by now that they are made. A read that begins now sees whether they matter. */
  made(name: string): readonly object[] {
    return [...(this.#names.get(name)?.writes ?? [])].filter(({ outcome }) => outcome === 'made')
  }

  forget(name: string, writes: readonly object[]): void {
    const entry = this.#names.get(name)
    if (!entry) return
    for (const write of writes) entry.writes.delete(write as UnsureWrite)
    if (entry.writes.size === 0) this.#names.delete(name)
  }

  /** Forget writes whose time is over, a few names at a time. The rest goes to the end of the line. */
  #sweep(): void {
    const before = performance.now() - REMEMBERED_MS
    for (const [name, entry] of [...firstOf(this.#names, SWEPT_AT_ONCE)]) {
      this.#names.delete(name)
      for (const write of entry.writes) {
        if (write.givenUpAt > before) continue
        // A write without an answer can only undo what was acknowledged after it.
        if (!write.isSuperseded) entry.writes.delete(write)
        else if (write.outcome !== 'pending') settle(write)
      }
      if (entry.writes.size > 0) this.#names.set(name, entry)
    }
  }
}

/** Nothing of it is to come any more: the next read shows whether it has to be put right. */
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
