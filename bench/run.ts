/**
 * Measures what the library costs, in the form that users get: built, over real HTTP.
 *
 *     npm run bench                            everything; writes bench/RESULTS.md
 *     npm run bench -- --quick                 only what has an aim, in less time; prints
 *     npm run bench -- --only redis            the rows whose name or title contains the word; prints
 *     npm run bench -- --check                 measures nothing: checks that every server answers as it should
 *     npm run bench -- --profile 'login, Redis'   where this row spends its time
 *
 * `--runs 3`: how often rows with an aim are measured. `--built`: use dist/ as it is.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startBackends } from './backends.js'
import { machineText } from './machine.js'
import { page, type Results } from './page.js'
import { Passes } from './passes.js'
import { pin } from './pinned.js'
import { FULL, QUICK } from './plan.js'
import { profileRow } from './profile-row.js'
import { groups } from './rows/index.js'
import { setUp } from './set-up.js'

const RESULTS = join(import.meta.dirname, 'RESULTS.md')
/** The page while it grows: what was measured before a failure is not lost. */
const SO_FAR = join(import.meta.dirname, 'dist', 'RESULTS.md')

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

const began = performance.now()
setUp({ build: !options.built })
// Some of the load comes from this process.
pin('others', process.pid)
const backends = await startBackends()
try {
  const plan = options.quick ? QUICK : FULL
  const word = options.profile ?? options.only
  const passes = new Passes({ ...plan, runs: Number(options.runs ?? plan.runs) }, word, backends, say)
  if (options.check) await passes.check()
  else if (options.profile !== undefined) await profileRow(passes.firstRow(), backends, say)
  else await measureAll(passes)
} finally {
  await backends.stop()
}

async function measureAll(passes: Passes): Promise<void> {
  const textOf = (results: Results) => page(commandLine(), groups, results, machineText(backends.programs))
  const text = textOf(await passes.measure(results => writeFileSync(SO_FAR, textOf(results))))
  if (options.quick || options.only) console.log(text)
  else writeFileSync(RESULTS, text)
  say(`${((performance.now() - began) / 60_000).toFixed(1)} minutes`)
}

function commandLine(): string {
  const args = process.argv.slice(2).map(arg => (/\s/.test(arg) ? `'${arg}'` : arg))
  return args.length === 0 ? 'npm run bench' : `npm run bench -- ${args.join(' ')}`
}

/** Progress goes to stderr, results to stdout. */
function say(line: string): void {
  console.error(line)
}
