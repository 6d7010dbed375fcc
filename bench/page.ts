import type { LatencyRound } from './cases/latency.js'
import type { ImportTime, InstalledSize, StoredSize } from './footprint.js'
import type { Measured } from './measure.js'
import * as report from './report.js'

export interface Results {
  readonly aims: { readonly runs: readonly (readonly Measured[])[]; readonly latencies: readonly LatencyRound[][] }
  /** By title. */
  readonly others: ReadonlyMap<string, readonly Measured[]>
  readonly footprint: {
    readonly stored: readonly StoredSize[]
    readonly imported: readonly ImportTime[]
    readonly installed: readonly InstalledSize[]
  }
}

/** The page of results, with the sections for which there are some. */
export function page(command: string, { aims, others, footprint }: Results, machine: string): string {
  const { stored, imported, installed } = footprint
  const sections = [
    section('What is aimed at', [...aims.runs.flat(), ...aims.latencies], () =>
      report.aimsTable(aims.runs, aims.latencies),
    ),
    ...[...others].map(([title, measured]) => section(title, measured, report.casesTable)),
    section('Bytes for each live session', stored, report.storedTable),
    section('Import time', imported, report.importTable),
    section('Installed size, without Koa and other peers', installed, report.installedTable),
  ]
  return `${head(command)}\n${sections.filter(Boolean).join('\n')}\n## Machine\n\n${machine}\n`
}

function section<T>(title: string, results: readonly T[], table: (results: readonly T[]) => string): string {
  return results.length === 0 ? '' : `## ${title}\n\n${table(results)}\n`
}

const head = (command: string) => `# Benchmarks

\`\`\`sh
${command}
\`\`\`

printed this. Figures are ratios: of the requests that a route without a guard answers in the same time, sent the same
requests by the same client, how many does the guarded one answer? Both sides of a line run one right after the other,
in several rounds, each with a server process of its own; the figure is the median of the rounds, the least and the
most stand behind it. "By CPU time" is the same from the CPU time that the server's process took for a request, which
other work on the machine disturbs less. Every answer was checked for its status. How it is done is in
[README.md](README.md).
`
