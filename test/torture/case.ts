/** `short` for every change, `full` for the table in docs/torture.md. */
export type Pass = 'full' | 'short'

/** What became of a case. */
export interface Outcome {
  /** How many inputs, rounds or faults there were. */
  readonly count: number
  /** What was seen besides, in a few words: figures for the table. */
  readonly seen: string
  /** A line for each promise that was broken, the first ones; nothing is a pass. */
  readonly broken: readonly string[]
}

/** One line of the table. It runs in a process of its own, which is ended when its time is over. */
export interface Case {
  /** A sentence that holds when nothing is broken. */
  readonly name: string
  /** Seconds that each pass may take; more is a failure. */
  readonly seconds: Readonly<Record<Pass, number>>
  /** Its outcome depends on no speed: other cases of this kind run at the same time. Default: it runs alone. */
  readonly untimed?: boolean
  run(pass: Pass): Promise<Outcome>
}

/** The cases of one file, under the heading that the table gives them. */
export interface Chapter {
  readonly title: string
  readonly cases: readonly Case[]
}

const LINES_KEPT = 20

/** Collects what was broken: all of it is counted, the first lines are kept. */
export class Broken {
  readonly #lines: string[] = []
  #count = 0

  add(line: string): void {
    this.#count++
    if (this.#lines.length < LINES_KEPT) this.#lines.push(line)
  }

  /** `line` is added unless `holds`. */
  unless(holds: boolean, line: string | (() => string)): void {
    if (!holds) this.add(typeof line === 'string' ? line : line())
  }

  get lines(): readonly string[] {
    const more = this.#count - this.#lines.length
    return more > 0 ? [...this.#lines, `and ${more} more`] : this.#lines
  }
}
