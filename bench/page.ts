import type { BackendWork } from './backend-work.js'
import type { BusyResult } from './busy.js'
import type { ImportTime, InstalledSize, StoredSize } from './footprint.js'
import type { ManySessions } from './many-sessions.js'
import * as report from './report.js'
import type { Group } from './row.js'
import type { SocketResult } from './sockets.js'

/** What has been measured so far. */
export class Results {
  readonly runs: report.RunResults[] = []
  readonly sockets: SocketResult[] = []
  readonly busy: (readonly BusyResult[])[] = []
  readonly stored: StoredSize[] = []
  readonly work: BackendWork[] = []
  readonly many: ManySessions[] = []
  readonly imported: ImportTime[] = []
  readonly installed: InstalledSize[] = []

  get isEmpty(): boolean {
    const { runs, ...others } = this
    return runs.every(({ size }) => size === 0) && Object.values(others).every(({ length }) => length === 0)
  }
}

/** The page of results, with the sections for which there are some. */
export function page(command: string, groups: readonly Group[], results: Results, machine: string): string {
  const { runs, sockets, busy, stored, work, many, imported, installed } = results
  const sections = [
    ...groups.map(({ title, text, rows, missed }) => {
      const measured = rows.filter(({ name }) => runs[0]?.has(name))
      const isMissed = measured.some(row => !report.isEachMet(row, runs))
      const below = isMissed && missed ? `\n\n${missed}` : ''
      return section(title, measured, () => `${text}\n\n${report.rowsTable(rows, runs)}${below}`)
    }),
    section('Watched WebSockets', sockets, () => `${SOCKETS}\n\n${report.socketsTable(sockets)}`),
    section('A busy process', busy.flat(), () => `${BUSY}\n\n${report.busyTable(busy)}`),
    section('Bytes for each live session', stored, () => report.storedTable(stored)),
    section('What the backends do', work, () => `${WORK}\n\n${report.workTable(work)}`),
    section('Many sessions', many, () => `${MANY}\n\n${report.manyTable(many)}`),
    section('Import time', imported, () => report.importTable(imported)),
    section('Installed size, without Koa and other peers', installed, () => report.installedTable(installed)),
  ]
  return `${head(command)}\n${sections.filter(Boolean).join('\n')}\n## Machine\n\n${machine}\n`
}

function section(title: string, results: readonly unknown[], text: () => string): string {
  return results.length === 0 ? '' : `## ${title}\n\n${text()}\n`
}

const SOCKETS = `Idle WebSockets, each with a login of its own, watched by \`closeWhenOver\` with its defaults. The floor has the same sockets and does
not watch them. Memory is measured after a garbage collection.`

const BUSY = `A guarded route on Redis, with the default timeouts. Its handler keeps the process busy for 2 ms. For one second, requests are sent
at a multiple of the rate that the floor can answer, and then all responses are awaited. Redis has no fault, so no response may be 503.`

const WORK = `The work of Redis and of PostgreSQL for each request of koa-authx, at 32 connections: the CPU time of all their processes, what Redis
receives and sends, and what PostgreSQL writes to its write-ahead log. Round trips are those that the response waits for, one after another.`

const MANY = `A guarded request, while a backend holds so many other sessions, each with its subject's list. A session has what a login leaves.`

const head = (command: string) => `# Benchmarks

\`\`\`sh
${command}
\`\`\`

printed this. A row shows how much CPU time the server process takes for a request beyond its floor. The floor is a server
that does the same I/O in the same manner, and nothing else. Both are under load at the same time, with 32 connections each, on one
core. The time is cut into slices of a tenth of a second, or longer if requests are slow. The figure is that of the fastest slice of
each of the two, because other work on the machine only adds CPU time. At least half of the slices are between the two figures in
parentheses. The last columns show the requests per second of the server alone, and the median and the 99th percentile of the latency.
The status of every response was checked. [README.md](README.md) describes the method.
`
