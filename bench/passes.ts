import { namesIn } from './aims.js'
import { backendWork } from './backend-work.js'
import type { Backends } from './backends.js'
import { measureBusy } from './busy.js'
import { importTimes, installedSizes, sessionBytes } from './footprint.js'
import { manySessions } from './many-sessions.js'
import { Bench, measure, type RowResult } from './measure.js'
import { Results } from './page.js'
import type { Plan } from './plan.js'
import type { Row } from './row.js'
import { groups, hasAim } from './rows/index.js'
import { checkSockets, measureSockets } from './sockets.js'

/** Measures what a word selects; an empty one selects everything. `say` is told what comes next. */
export class Passes {
  readonly #plan: Plan
  readonly #word: string
  readonly #backends: Backends
  readonly #say: (line: string) => void

  constructor(plan: Plan, word: string, backends: Backends, say: (line: string) => void) {
    this.#plan = plan
    this.#word = word.toLowerCase()
    this.#backends = backends
    this.#say = say
  }

  /** `save` gets the results so far, after each part. @throws Error if the word selects nothing. */
  async measure(save: (results: Results) => void): Promise<Results> {
    const { runs, loads, sockets, logins, imports } = this.#plan
    const { seconds, sessions } = this.#plan.backends
    const backends = this.#backends
    const results = new Results()
    const part = async <T>(name: string, into: T[], work: () => Promise<readonly T[]> | readonly T[]) => {
      if (!this.#selects(name)) return
      this.#say(name)
      into.push(...(await work()))
      save(results)
    }
    for (let run = 1; run <= runs; run++) {
      results.runs.push(await this.#rows(run))
      save(results)
      await part(`a busy process, run ${run}`, results.busy, async () => [await measureBusy(loads, backends)])
    }
    if (this.#isAll) {
      await part('watched WebSockets', results.sockets, () => measureSockets(sockets, backends))
      await part('bytes for each live session', results.stored, () => sessionBytes(logins, backends))
      await part('work of the backends', results.work, () => backendWork(seconds, backends))
      await part('many sessions', results.many, () => manySessions(sessions, seconds, backends))
      await part('import time', results.imported, () => importTimes(imports))
      await part('installed size', results.installed, () => installedSizes())
    }
    if (results.isEmpty) throw this.#nothing()
    return results
  }

  /** Checks the responses of the selected rows, without measuring. */
  async check(): Promise<void> {
    for (const { title, rows } of this.#selectedGroups()) {
      await this.#check(rows)
      this.#say(`${title}: ${rows.length} rows answer as they should`)
    }
    if (this.#selects('watched WebSockets')) await checkSockets(this.#backends)
  }

  async #check(rows: readonly Row[]): Promise<void> {
    const bench = new Bench(this.#backends)
    try {
      for (const row of rows) await bench.check({ ...row, size: Math.min(row.size ?? 1, MOST_CHECKED) })
    } finally {
      await bench.stop()
    }
  }

  /** The row with the word as its name, or the first one whose name or title contains it. @throws Error without one. */
  firstRow(): Row {
    const rows = this.#selectedGroups().flatMap(group => group.rows)
    const row = rows.find(({ name }) => name.toLowerCase() === this.#word) ?? rows[0]
    if (!row) throw this.#nothing()
    return row
  }

  /** The first run measures all rows. Later runs measure only those that have an aim, and those that an aim names. */
  async #rows(run: number): Promise<Map<string, RowResult>> {
    const results = new Map<string, RowResult>()
    const pace = run === 1 ? this.#plan.pace : { ...this.#plan.pace, connections: [] }
    for (const { title, rows } of this.#selectedGroups()) {
      const due = run === 1 && this.#isAll ? rows : rows.filter(hasAim)
      if (due.length === 0) continue
      this.#say(`${title}, run ${run}: ${due.map(({ name }) => name).join('; ')}`)
      for (const result of await measure(due, pace, this.#backends)) results.set(result.row.name, result)
    }
    return results
  }

  /** The selected rows, and those that their aims name. */
  #selectedGroups(): { title: string; rows: readonly Row[] }[] {
    const isSelected = (title: string, { name }: Row) => this.#selects(`${title} ${name}`)
    const selected = groups.flatMap(({ title, rows }) => rows.filter(row => isSelected(title, row)))
    const names = new Set(selected.flatMap(({ name, aims }) => [name, ...namesIn(aims)]))
    const chosen = groups.map(({ title, rows }) => ({ title, rows: rows.filter(({ name }) => names.has(name)) }))
    return chosen.filter(({ rows }) => rows.length > 0)
  }

  /** Whether also what has no aim is measured. */
  get #isAll(): boolean {
    return !this.#plan.onlyAims || this.#word !== ''
  }

  #selects(name: string): boolean {
    return name.toLowerCase().includes(this.#word)
  }

  #nothing(): Error {
    return new Error(`no row has a name that contains ${this.#word}`)
  }
}

/** To check responses, few sessions are enough. */
const MOST_CHECKED = 100
