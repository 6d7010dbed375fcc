import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Backends } from './backends.js'
import { cpuPerRequest } from './figures.js'
import { Bench, CONNECTIONS } from './measure.js'
import { FULL } from './plan.js'
import { profileText } from './profile.js'
import type { Row } from './row.js'

const AMOUNT = { connections: CONNECTIONS, seconds: 5 }
const LINES = 40

/** Profiles the server of a row, after it has been warmed up. */
export async function profileRow(row: Row, backends: Backends, say: (line: string) => void): Promise<void> {
  const bench = new Bench(backends)
  try {
    await bench.check(row)
    await bench.loadBoth(row, FULL.pace.warmUp)
    const file = join(import.meta.dirname, 'dist', `${row.server.replace('/', '-')}.cpuprofile`)
    const cpu = await profiled(bench, row, file)
    say(`${row.name}: ${cpu.toFixed(1)} µs of CPU for each request, with the profiler; ${file}`)
    console.log(profileText(JSON.parse(readFileSync(file, 'utf8')), LINES))
  } finally {
    await bench.stop()
  }
}

/** Returns the CPU time of each request. */
function profiled(bench: Bench, row: Row, file: string): Promise<number> {
  return bench.prepared(row, AMOUNT, async prepared => {
    const { server } = prepared
    await server.ask({ do: 'startProfile' })
    const before = await server.ask({ do: 'usage' })
    const run = await bench.load(prepared)
    const after = await server.ask({ do: 'usage' })
    await server.ask({ do: 'stopProfile', file })
    return run && cpuPerRequest(before, after)
  })
}
