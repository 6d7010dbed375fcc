import type { Profiler } from 'node:inspector'
import { fileURLToPath } from 'node:url'

/** Microseconds that were spent in a place. */
export interface TimeIn {
  readonly place: string
  readonly microseconds: number
}

export interface Times {
  /** Without what they call, by package and by function. */
  readonly packages: readonly TimeIn[]
  readonly functions: readonly TimeIn[]
  /** The library's functions with what they call, up to their first `await`. */
  readonly library: readonly TimeIn[]
  /** All the time in which something ran. */
  readonly all: number
}

type Node = Profiler.ProfileNode
type Frame = Node['callFrame']

/** Where the time of a profile went, the longest first. */
export function timesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Times {
  const byId = new Map(nodes.map(node => [node.id, node]))
  const parents = new Map(nodes.flatMap(node => (node.children ?? []).map(child => [child, node] as const)))
  const [packages, functions, library] = [new Tally(), new Tally(), new Tally()]
  samples.forEach((id, n) => {
    const node = byId.get(id)
    if (!node || isNothing(node.callFrame)) return
    const time = timeDeltas[n] ?? 0
    packages.add(packageOf(node.callFrame), time)
    functions.add(nameOf(node.callFrame), time)
    for (const name of libraryOn(node, parents)) library.add(name, time)
  })
  return {
    packages: packages.longestFirst(),
    functions: functions.longestFirst(),
    library: library.longestFirst(),
    all: packages.all,
  }
}

/** The same as text: shares of all the time, so many `lines` of each list of functions. */
export function profileText(profile: Profiler.Profile, lines: number): string {
  const { packages, functions, library, all } = timesOf(profile)
  const line = ({ place, microseconds }: TimeIn) => `${((microseconds / all) * 100).toFixed(1).padStart(5)} %  ${place}`
  const list = (title: string, times: readonly TimeIn[]) =>
    [`\n${title}`, ...times.slice(0, lines).map(line)].join('\n')
  return [
    list('Self time by package', packages),
    list('Self time by function', functions),
    list('The library with what it calls', library),
  ].join('\n')
}

/** Nothing ran, or what wrote the profile. */
function isNothing({ functionName, url }: Frame): boolean {
  return url === '' && (functionName === '(idle)' || functionName === 'dispatch')
}

class Tally {
  readonly #times = new Map<string, number>()
  all = 0

  add(place: string, microseconds: number): void {
    this.#times.set(place, (this.#times.get(place) ?? 0) + microseconds)
    this.all += microseconds
  }

  longestFirst(): TimeIn[] {
    const all = [...this.#times].map(([place, microseconds]) => ({ place, microseconds }))
    return all.sort((a, b) => b.microseconds - a.microseconds)
  }
}

/** The library's functions on the stack of a node; one that calls itself counts once. */
function libraryOn(node: Node, parents: ReadonlyMap<number, Node>): Set<string> {
  const names = new Set<string>()
  for (let each: Node | undefined = node; each; each = parents.get(each.id)) {
    if (packageOf(each.callFrame).startsWith('koa-authx')) names.add(nameOf(each.callFrame))
  }
  return names
}

function nameOf({ functionName, url, lineNumber }: Frame): string {
  return `${functionName || '(anonymous)'}${url ? ` ${shortOf(url)}:${lineNumber + 1}` : ''}`
}

/** `jsonwebtoken`, `koa-authx/src/token`, `node`, or V8's own `(garbage collector)`. */
function packageOf({ url, functionName }: Frame): string {
  if (!url) return functionName.startsWith('(') ? functionName : '(native)'
  if (url.startsWith('node:')) return 'node'
  return shortOf(url).replace(/^(@[^/]+\/[^/]+|koa-authx\/[^/]+\/[^/.]+|[^/]+).*$/, '$1')
}

/** A file by its package: `koa-authx/src/guards/token-guards.js`, `jsonwebtoken/verify.js`, `node:internal/timers`. */
function shortOf(url: string): string {
  if (url.startsWith('node:')) return url
  const path = url.startsWith('file:') ? fileURLToPath(url) : url
  if (path.includes('/node_modules/')) return path.replace(/^.*\/node_modules\//, '')
  return path.replace(/^.*\/bench\/dist\//, 'bench/').replace(/^.*\/dist\//, 'koa-authx/')
}
