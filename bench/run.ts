/**
 * Measures the library beside what it is compared with, as its users get it: built, over real HTTP.
 *
 *     npm run bench                            everything; writes bench/RESULTS.md
 *     npm run bench -- --quick                 short and few runs, to see that all of it works; prints
 *     npm run bench -- --only redis            the cases whose name or title holds the word; prints
 *     npm run bench -- --check                 measures nothing: whether every server answers as it should
 *     npm run bench -- --profile 'refresh on redis'   where the first such case spends its time
 *
 * `--runs 3`: how often what is aimed at is measured. `--built`: take dist/ as it is.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Backends, startBackends } from './backends.js'
import type { Case } from './case.js'
import type { Figures } from './figures.js'
import { machineText } from './machine.js'
import { Bench } from './measure.js'
import { page } from './page.js'
import { allGroups, FULL, Passes, QUICK, selectedCases } from './passes.js'
import { profileText } from './profile.js'
import { setUp } from './set-up.js'

const RESULTS = join(import.meta.dirname, 'RESULTS.md')
const PROFILED_SECONDS = 5

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    only: { type: 'string', default: '' },
    runs: { type: 'string' },
    check: { type: 'boolean' },
    profile: { type: 'string' },
    built: { type: 'boolean' },
  },
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

setUp({ build: !options.built })
const backends = await startBackends()
try {
  if (options.check) await checkAll(backends)
  else if (options.profile !== undefined) await profile(options.profile, backends)
  else await measureAll(backends)
} finally {
  await backends.stop()
}

async function measureAll(backends: Backends): Promise<void> {
  const began = performance.now()
  const plan = options.quick ? QUICK : FULL
  const passes = new Passes({ ...plan, runs: Number(options.runs ?? plan.runs) }, options.only, backends, say)
  const results = { aims: await passes.aims(), others: await passes.others(), footprint: await passes.footprint() }
  const { aims, others, footprint } = results
  const found = [...aims.runs, ...aims.latencies, ...others.values(), ...Object.values(footprint)].flat()
  if (found.length === 0) throw new Error(`No case has a name with ${options.only}`)
  const text = page(commandLine(), results, machineText(backends.programs))
  if (options.quick || options.only) console.log(text)
  else writeFileSync(RESULTS, text)
  say(`${Math.round((performance.now() - began) / 60_000)} minutes`)
}

/** One request to each side of each case, and those that a guard has to refuse. */
async function checkAll(backends: Backends): Promise<void> {
  for (const group of allGroups([10])) {
    const bench = new Bench(backends)
    try {
      for (const each of group.cases) await bench.check(each)
      say(`${group.title}: ${group.cases.length} cases answer as they should`)
    } finally {
      await bench.stop()
    }
  }
}

/** Profile the first case whose name holds the word, once it is warm. */
async function profile(word: string, backends: Backends): Promise<void> {
  const selects = (name: string) => name.toLowerCase().includes(word.toLowerCase())
  const [each] = allGroups(FULL.sizes).flatMap(group => selectedCases(group, selects))
  if (!each) throw new Error(`No case has a name with ${word}`)
  const bench = new Bench(backends)
  try {
    await bench.check(each)
    await bench.warmUp(each, FULL.aims.warmUp)
    const file = join(import.meta.dirname, 'dist', `${each.variant.server.replace('/', '-')}.cpuprofile`)
    const { rate, cpu } = await profiled(bench, each, file)
    say(
      `${each.name}: ${rate.toFixed(0)} requests a second, ${cpu.toFixed(1)} us of CPU each, profiler included; ${file}`,
    )
    console.log(profileText(JSON.parse(readFileSync(file, 'utf8')), 40))
  } finally {
    await bench.stop()
  }
}

async function profiled(bench: Bench, each: Case, file: string): Promise<Figures> {
  for (;;) {
    const prepared = await bench.prepare(each, each.variant, PROFILED_SECONDS)
    await prepared.server.ask({ do: 'startProfile' })
    const figures = await bench.send(prepared)
    await prepared.server.ask({ do: 'stopProfile', file })
    if (figures) return figures
  }
}

function commandLine(): string {
  const args = process.argv.slice(2).map(arg => (/\s/.test(arg) ? `'${arg}'` : arg))
  return args.length === 0 ? 'npm run bench' : `npm run bench -- ${args.join(' ')}`
}

/** Progress goes to stderr: stdout is for what was found. */
function say(line: string): void {
  console.error(line)
}
