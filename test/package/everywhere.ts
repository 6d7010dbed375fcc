/**
 * Installs the packed package into empty projects on every Node with every npm that runs there, beside both major
 * versions of Koa, and on Bun and Deno; bundles it with webpack and Rollup; compiles a user's program with every
 * TypeScript; runs the projects for test runners of docs/testing.md: part of `npm run check:everywhere`. Takes all of
 * them from npm's registry.
 */
import { join } from 'node:path'
import { fetchPackage } from '../nodes/from-npm.js'
import { hasOwnSqlite, MAJORS, type NodeBinary, nodeBinary } from '../nodes/node-binary.js'
import { runnerProjects } from '../support/runner-projects.js'
import { checkBundlers } from './bundlers.js'
import {
  asDeveloped,
  compile,
  consumer,
  ENTRIES,
  importAll,
  issueTokens,
  manifest,
  OPTIONAL_PEERS,
  OURS,
  pack,
  project,
  requireAll,
  type Tools,
  versionIn,
} from './project.js'
import { runQuickstart } from './quickstart.js'
import { runnerProject, runPrinted } from './runners.js'
import { checkRuntimes } from './runtimes.js'
import { checkSettings } from './settings.js'

/** The npm versions, with the Node versions that each of them says it runs on. */
const NPMS: Record<string, readonly string[]> = { 11: MAJORS, 12: ['22', '24', '26'] }
const KOAS = ['2.16', '3']
/** Each with the types that its users have. */
const KOA_TYPES = [
  ['koa@2.16', '@types/koa@2'],
  ['koa@3', '@types/koa@3'],
]
const TYPESCRIPTS = ['5.9', '6', '7']

const done: string[] = []
const tarball = pack()
for (const major of MAJORS) await checkNode(major)
for (const { title } of runnerProjects()) checkRunner(title)
done.push(...(await checkRuntimes(tarball)))
done.push(...checkBundlers(tarball))
for (const typescript of TYPESCRIPTS) for (const koa of KOA_TYPES) checkTypes(typescript, koa)
console.log(`\n${done.join('\n')}\nThe package is good everywhere.`)

async function checkNode(major: string): Promise<void> {
  const node = nodeBinary(major)
  const npms = Object.keys(NPMS).filter(npm => NPMS[npm]?.includes(major))
  for (const npm of npms) for (const koa of KOAS) await checkInstalled(node, npm, koa)
  checkSqlite(node)
}

async function checkInstalled(node: NodeBinary, range: string, koa: string): Promise<void> {
  const npm = fetchPackage('npm', range)
  const on = `Node ${node.version}, npm ${npm.version}, koa`
  console.log(`\n=== ${on} ${koa} ===`)
  const tools = toolsOf(node, npm.folder)
  const path = project(`${on} ${koa}`, [tarball, `koa@${koa}`, ...asDeveloped(OPTIONAL_PEERS)], tools)
  importAll(path, ENTRIES, tools)
  requireAll(path, [...ENTRIES, './package.json'], tools)
  await runQuickstart(path, tools)
  done.push(`${on} ${versionIn(path, 'koa')}: installed, imported, required, served the quickstart`)
}

/** With nothing besides where Node has SQLite, with the driver that the README names where not. */
function checkSqlite(node: NodeBinary): void {
  const title = `Node ${node.version}, ${hasOwnSqlite(node) ? 'node:sqlite' : 'better-sqlite3'}`
  console.log(`\n=== ${title} ===`)
  const driver = hasOwnSqlite(node) ? [] : [`better-sqlite3@${manifest.peerDependencies['better-sqlite3']}`]
  const tools = { ...toolsOf(node, fetchPackage('npm', '11').folder), env: node.buildEnv }
  const path = project(title, [tarball, ...asDeveloped(['koa']), ...driver], tools)
  issueTokens(path, 'SqliteTokenStore', './stores/sqlite', "'tokens.sqlite'", tools)
  done.push(`${title}: issued tokens on SqliteTokenStore`)
}

/** Installed once: no package of these projects is built for one Node. */
function checkRunner(title: string): void {
  console.log(`\n=== ${title} ===`)
  const { printed, path } = runnerProject(title, tarball)
  const since = Number(/Node (\d+)/.exec(title)?.[1] ?? 0)
  for (const major of MAJORS.filter(each => Number(each) >= since)) {
    const { version, path: node, env } = nodeBinary(major)
    runPrinted(path, printed, { ...OURS, node, env })
    done.push(`Node ${version}: ran the tests of docs/testing.md, ${title}`)
  }
}

function checkTypes(range: string, koa: readonly string[]): void {
  const title = `TypeScript ${range}, ${koa.join(' ')}`
  console.log(`\n=== ${title} ===`)
  const path = project(title, [tarball, `typescript@${range}`, ...koa, ...asDeveloped(OPTIONAL_PEERS)])
  const tsc = [join(path, 'node_modules/typescript/bin/tsc')] as const
  compile(path, consumer(), tsc)
  checkSettings(path, range, tsc)
  const on = `TypeScript ${versionIn(path, 'typescript')}, @types/koa ${versionIn(path, '@types/koa')}`
  done.push(
    `${on}: compiled with moduleResolution nodenext and bundler, declarations checked; the settings of the docs`,
  )
}

function toolsOf(node: NodeBinary, npm: string): Tools {
  return { node: node.path, npm: [node.path, join(npm, 'bin/npm-cli.js')], env: node.env }
}
