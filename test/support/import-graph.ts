import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** Sources by their path from the root of the repository: `src/errors.ts`. */
export type Sources = ReadonlyMap<string, string>

/** What every file imports, types included: paths from the root of the repository, or package names as written. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>

export function readSources(folders: readonly string[]): Sources {
  return new Map(folders.flatMap(sourceFiles).map(file => [file, readFileSync(file, 'utf8')]))
}

function sourceFiles(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return entries.filter(entry => entry.endsWith('.ts')).map(entry => join(folder, entry).replaceAll('\\', '/'))
}

export function importGraph(sources: Sources): ImportGraph {
  return new Map([...sources].map(([file, source]) => [file, importsOf(source).map(name => resolve(file, name))]))
}

/** `#name` in `imports` of package.json is a file of `stores/`. */
function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('#')) return `stores/${specifier.slice(1)}.ts`
  if (!specifier.startsWith('.')) return specifier
  return posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts')
}

/** `import ... from 'x'` and `export ... from 'x'`, with or without `type`. */
const FROM = /\b(?:import|export)\b[^'"`;()]*?\bfrom\s*['"]([^'"\n]+)['"]/g
/** `import 'x'`; `import('x')`, as a value or as a type; `require('x')`. */
const DIRECT = /\bimport\s*['"]([^'"\n]+)['"]|\b(?:import|require)\s*\(\s*['"`]([^'"`\n]+)['"`]/g

/** What a source imports. TypeScript 7 has no parser to ask and esbuild leaves types out, hence the patterns. */
export function importsOf(source: string): string[] {
  const code = withoutComments(source)
  const found = [...code.matchAll(FROM), ...code.matchAll(DIRECT)]
  return [...new Set(found.map(match => match[1] ?? match[2] ?? ''))]
}

const COMMENT = String.raw`(\/\*[\s\S]*?\*\/|\/\/[^\n]*)`
// Strings, templates and regular expressions are matched whole, because a comment sign may stand inside them.
const STRING = String.raw`'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"`
const TEMPLATE = '`(?:\\\\[\\s\\S]|[^`\\\\])*`'
const REGEXP = String.raw`(?<=(?:[(,=:[!&|?{};]|=>|\breturn)\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/`
const LEXEME = new RegExp([COMMENT, STRING, TEMPLATE, REGEXP].join('|'), 'g')

export function withoutComments(source: string): string {
  return source.replace(LEXEME, (lexeme, comment?: string) => (comment ? ' ' : lexeme))
}

/** The imports `from -> to` that are wrong by some rule. */
export function edges(graph: ImportGraph, isWrong: (from: string, to: string) => boolean): string[] {
  return [...graph].flatMap(([from, names]) => names.filter(to => isWrong(from, to)).map(to => `${from} -> ${to}`))
}

/** Ways of imports that lead back to where they began, each as `a -> b -> a`; none if and only if there is no cycle. */
export function cycles(graph: ImportGraph): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file)
    if (start >= 0) found.push([...path.slice(start), file].join(' -> '))
    if (start >= 0 || done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return found
}
