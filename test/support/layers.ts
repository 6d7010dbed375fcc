import { isBuiltin } from 'node:module'
import { edges, type ImportGraph, type Sources, withoutComments } from './import-graph.js'

/**
 * The layers of `src/` from the top: a file imports from its own folder and from the layers above it. The test kit and
 * the router stand last, so that who loads the library loads neither them nor the optional peers that the router needs.
 */
const LAYERS = [
  'debug.ts',
  'errors.ts',
  'store.ts',
  'issuer.ts',
  'time',
  'config',
  'token',
  'callback.ts',
  'tracing.ts',
  'issuers',
  'request',
  'session',
  'authorization',
  'authenticate',
  'guards',
  'koa',
  'watch',
  'websocket',
  'rate-limit',
  'audit',
  'openapi',
  'authx.ts',
  'manager-types.ts',
  'manager.ts',
  'index.ts',
  'testing',
  'router',
  'remote-issuer',
]
const WITHOUT_KOA = [
  'debug.ts',
  'errors.ts',
  'store.ts',
  'time',
  'config',
  'token',
  'callback.ts',
  'tracing.ts',
  'issuers',
  'session',
  'authorization/policy',
  'remote-issuer',
]
/**
 * What stores may know of the library: the interface, the errors, deadlines, how a misspelt option is answered, and how
 * the process is warned.
 */
const FOR_STORES = ['errors.ts', 'store.ts', 'time', 'config/nearest.ts', 'request/warn.ts']

export function filesOutsideLayers(graph: ImportGraph): string[] {
  return [...graph.keys()].filter(file => file.startsWith('src/') && layerOf(file) < 0)
}

export function downwardImports(graph: ImportGraph): string[] {
  return edges(graph, (from, to) => from.startsWith('src/') && to.startsWith('src/') && layerOf(to) > layerOf(from))
}

/** Imports of files that do not exist: a path that was read wrongly would otherwise pass every rule. */
export function danglingImports(graph: ImportGraph): string[] {
  return edges(graph, (_, to) => isOurs(to) && !graph.has(to))
}

/** The library does not know which stores there are; a store knows of the library what is made for both, no more. */
export function misplacedStoreImports(graph: ImportGraph): string[] {
  return edges(graph, (from, to) => {
    if (from.startsWith('src/')) return to.startsWith('stores/') || packageName(to) === 'koa-authx'
    return to.startsWith('src/') && !FOR_STORES.some(part => isIn(to, part))
  })
}

/** The client runs in browsers: it knows nothing of the rest, and needs no package. Nor does the rest know the client. */
export function clientImports(graph: ImportGraph): string[] {
  const isClient = (file: string) => file.startsWith('client/') || file === 'koa-authx/client'
  return edges(graph, (from, to) => isClient(from) !== isClient(to))
}

/** The optional peers that a room may import: it is an export of its own. */
const PEERS: Readonly<Record<string, readonly string[]>> = {
  router: ['@koa/router'],
  'remote-issuer': ['jose'],
}

/** jsonwebtoken outside `src/token`, Koa where no request is, and in `src/` whatever an application may not have. */
export function misplacedPackages(graph: ImportGraph, optionalPeers: readonly string[]): string[] {
  return edges(graph, (from, to) => {
    const name = packageName(to)
    if (name === 'jsonwebtoken') return !isIn(from, 'token')
    if (name === 'koa') return from.startsWith('stores/') || WITHOUT_KOA.some(part => isIn(from, part))
    if (Object.entries(PEERS).some(([room, peers]) => isIn(from, room) && peers.includes(name))) return false
    return from.startsWith('src/') && optionalPeers.includes(name)
  })
}

/** Packages that package.json does not name for users of the library: there by chance, or in development only. */
export function undeclaredPackages(graph: ImportGraph, declared: readonly string[]): string[] {
  return edges(graph, (_, to) => !isOurs(to) && !isBuiltin(to) && !declared.includes(packageName(to)))
}

/** Files of `src/` that call a verb of the store, besides the sessions and the suite that tests stores. */
export function storeCallers(sources: Sources): string[] {
  const callers = [...sources].filter(([file, source]) => file.startsWith('src/') && callsStore(source))
  return callers.map(([file]) => file).filter(file => !isIn(file, 'session') && !isIn(file, 'testing'))
}

function callsStore(source: string): boolean {
  return /\.\s*compareAndSet\s*\(|\bstore\s*[?!]?\.\s*get\s*\(/.test(withoutComments(source))
}

function layerOf(file: string): number {
  return LAYERS.findIndex(part => isIn(file, part))
}

function isIn(file: string, part: string): boolean {
  return file === `src/${part}` || file.startsWith(`src/${part}/`)
}

function isOurs(name: string): boolean {
  return name.startsWith('src/') || name.startsWith('stores/') || name.startsWith('client/') || name.startsWith('.')
}

function packageName(specifier: string): string {
  const parts = specifier.split('/')
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}
