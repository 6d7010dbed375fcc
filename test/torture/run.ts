/**
 * Puts the library under hostile input, races and faults, and prints one table: `npm run torture`, `npm run torture --
 * --short`, `npm run torture -- --only races` (files whose name holds the word), `npm run torture -- --case PostgreSQL`
 * (cases whose name does). `--write` puts the table into docs/torture.md: the rows of the cases that have run, and the
 * others as they are. Ends with 1 if a promise was broken.
 */
import { fork } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { findPostgres, installPostgres } from '../support/postgres-binary.js'
import { endOf } from '../support/processes.js'
import { findRedisServer, installRedisServer } from '../support/redis-binary.js'
import type { Case, Chapter, Outcome, Pass } from './case.js'

const CHAPTERS = join(import.meta.dirname, 'chapters')
const ONE_CASE = fileURLToPath(new URL('./one-case.ts', import.meta.url))
const PAGE = fileURLToPath(new URL('../../docs/torture.md', import.meta.url))

const HEAD = ['| chapter | case | count | outcome |', '|---|---|---|---|']

interface Row extends Outcome {
  readonly title: string
  readonly name: string
  readonly seconds: number
}

/** A case, and where it stands: the `n`th of the file. */
interface Place {
  readonly file: string
  readonly n: number
  readonly title: string
  readonly case: Case
}

const { values } = parseArgs({
  options: {
    short: { type: 'boolean' },
    only: { type: 'string' },
    case: { type: 'string' },
    write: { type: 'boolean' },
  },
})
const all = await placesOf(values.only ?? '')
const named = all.filter(place => place.case.name.includes(values.case ?? ''))
const rows = await runAll(values.short ? 'short' : 'full', named)
const table = asTable(rows)
console.log(`\n${table}`)
for (const { name, broken } of rows) if (broken.length > 0) console.log(`BROKEN  ${name}`)
if (values.write) writeFileSync(PAGE, page(tableOf(await placesOf(''), rows)))
process.exit(rows.length > 0 && rows.every(({ broken }) => broken.length === 0) ? 0 : 1)

/** The rows are in the order of the chapters, whatever runs first. */
async function runAll(pass: Pass, places: readonly Place[]): Promise<Row[]> {
  const servers = serversFound()
  const rows = new Map<Place, Row>()
  const run = async (place: Place) => {
    const row = await runOne(place, pass, servers)
    console.log(`${row.broken.length === 0 ? 'held  ' : 'BROKEN'}  ${row.name} (${row.count}, ${row.seconds} s)`)
    for (const line of row.broken) console.log(`        ${line}`)
    rows.set(place, row)
  }
  for (const place of places) if (!place.case.untimed) await run(place)
  await Promise.all(places.filter(place => place.case.untimed).map(run))
  return places.map(place => rows.get(place) as Row)
}

/** Where the servers are, looked for and installed once: cases that run at the same time must not both do that. */
function serversFound(): NodeJS.ProcessEnv {
  const { program } = findPostgres() ?? installPostgres()
  return { REDIS_SERVER: findRedisServer() ?? installRedisServer(), POSTGRES_BIN: dirname(program('postgres')) }
}

async function placesOf(only: string): Promise<Place[]> {
  const files = readdirSync(CHAPTERS).filter(name => name.endsWith('.ts') && name.includes(only))
  const places: Place[] = []
  for (const name of files.sort()) {
    const file = join(CHAPTERS, name)
    const { chapter } = (await import(pathToFileURL(file).href)) as { chapter: Chapter }
    places.push(...chapter.cases.map((each, n) => ({ file, n, title: chapter.title, case: each })))
  }
  return places
}

async function runOne({ file, n, title, case: each }: Place, pass: Pass, servers: NodeJS.ProcessEnv): Promise<Row> {
  const began = performance.now()
  const outcome = await outcomeOf(file, n, pass, each.seconds[pass], servers)
  return { title, name: each.name, seconds: Math.round((performance.now() - began) / 1000), ...outcome }
}

/** A case that ends without an outcome, or not in time, has broken what it was to show. */
function outcomeOf(file: string, n: number, pass: Pass, seconds: number, servers: NodeJS.ProcessEnv): Promise<Outcome> {
  const failed = (line: string): Outcome => ({ count: 0, seen: '', broken: [line] })
  const child = fork(ONE_CASE, [file, String(n), pass], {
    execArgv: ['--import', 'tsx', '--expose-gc'],
    env: { ...process.env, ...servers },
  })
  return new Promise(resolve => {
    const timer = setTimeout(() => {
      resolve(failed(`was not over after ${seconds} s`))
      child.kill('SIGTERM')
      setTimeout(() => child.kill('SIGKILL'), 2000).unref()
    }, seconds * 1000)
    child.once('message', outcome => resolve(outcome as Outcome))
    endOf(child).then(({ code }) => {
      clearTimeout(timer)
      resolve(failed(`ended with ${code} and no outcome`))
    })
  })
}

function asTable(rows: readonly Row[]): string {
  return [...HEAD, ...rows.map(lineOf)].join('\n')
}

/** All cases: those that have run as they ended now, the others as they are on the page. */
function tableOf(places: readonly Place[], rows: readonly Row[]): string {
  const before = readFileSync(PAGE, 'utf8').split('\n')
  const lines = places.flatMap(({ title, case: { name } }) => {
    const row = rows.find(each => each.title === title && each.name === name)
    const line = row ? lineOf(row) : before.find(each => each.startsWith(`| ${title} | ${name} |`))
    return line ?? []
  })
  return [...HEAD, ...lines].join('\n')
}

function lineOf({ title, name, count, seen, broken }: Row): string {
  const outcome = broken.length === 0 ? 'held' : `**broken**: ${broken[0]}`
  return `| ${title} | ${name} | ${count.toLocaleString('en')} | ${outcome}${seen ? `; ${seen}` : ''} |`
}

function page(table: string): string {
  const machine = `Node ${process.versions.node}, ${cpus().length} cores, ${process.platform}`
  return `# Under faults, races and hostile input

\`\`\`sh
npm run torture -- --write
\`\`\`

This command printed the table below (${machine}). [guarantees.md](guarantees.md) lists what the library promises, and what it does not promise.

${table}
`
}
