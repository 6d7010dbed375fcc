import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Backends } from './backends.js'
import type { Figures } from './figures.js'
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
    await bench.warmUp(row, FULL.pace.warmUp)
    const file = join(import.meta.dirname, 'dist', `${row.server.replace('/', '-')}.cpuprofile`)
    const { rate, cpu } = await profiled(bench, row, file)
    say(
      `${row.name}: ${rate.toFixed(0)} requests per second, ${cpu.toFixed(1)} µs of CPU each, with the profiler; ${file}`,
    )
    console.log(profileText(JSON.parse(readFileSync(file, 'utf8')), LINES))
  } finally {
    await bench.stop()
  }
}

function profiled(bench: Bench, row: Row, file: string): Promise<Figures> {
  return bench.prepared(row, 'server', AMOUNT, async prepared => {
    await prepared.server.ask({ do: 'startProfile' })
    const figures = await bench.send(prepared)
    await prepared.server.ask({ do: 'stopProfile', file })
    return figures
  })
}
