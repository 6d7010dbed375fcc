import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a plugin makes of a file. */
export interface Loaded {
  readonly contents: string
  readonly loader: 'js' | 'ts'
}

/** The part of esbuild's plugins that these tests use. */
export interface Plugin {
  readonly name: string
  setup(build: { onLoad(of: { filter: RegExp }, load: (file: { path: string }) => Promise<Loaded>): void }): void
}

interface Bundler {
  build(options: object): Promise<{ outputFiles: readonly { text: string }[] }>
  transform(code: string, options: object): Promise<{ code: string }>
}

/** esbuild is here because tsx needs it. */
const { build, transform } = createRequire(createRequire(import.meta.url).resolve('tsx'))('esbuild') as Bundler

const root = fileURLToPath(new URL('../..', import.meta.url))

/** `koa-authx/client` as one ES module for browsers; or, as `iife`, as a script that makes the global `koaAuthx`. */
export async function bundleClient({ minify = false, format = 'esm' as 'esm' | 'iife' } = {}): Promise<string> {
  return bundle({
    entryPoints: [join(root, 'client/index.ts')],
    platform: 'browser',
    globalName: 'koaAuthx',
    minify,
    format,
  })
}

/** What a bundler makes of a module that uses only this of `koa-authx/client`, minified. */
export async function bundleUse(name: string): Promise<string> {
  const contents = `import { ${name} } from './client/index.ts'; console.log(${name})`
  return bundle({ stdin: { contents, resolveDir: root }, platform: 'browser', format: 'esm', minify: true })
}

/** A program for browsers with the packages that it imports, as one ES module. `file`: from the root of the project. */
export async function bundlePage(file: string, plugins: readonly Plugin[] = []): Promise<string> {
  // Development builds of frameworks: they print what a program does wrong.
  const define = {
    'process.env.NODE_ENV': '"development"',
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'true',
  }
  const entryPoints = [join(root, file)]
  return bundle({ entryPoints, platform: 'browser', format: 'esm', jsx: 'automatic', jsxDev: false, define, plugins })
}

/**
 * A program for Node as one ES module, in which the packages named in `standIns` are the files named there. It imports
 * all other packages.
 */
export async function bundleProgram(file: string, standIns: Readonly<Record<string, string>> = {}): Promise<string> {
  const alias = Object.fromEntries(Object.entries(standIns).map(([name, path]) => [name, join(root, path)]))
  const shape = { platform: 'node', format: 'esm', packages: 'external', jsx: 'automatic', jsxDev: false }
  return bundle({ entryPoints: [join(root, file)], alias, ...shape })
}

/** A program for Node, beside which its packages are installed. `define`: code by the expression that it replaces. */
export async function bundleBeside(file: string, format: 'esm' | 'cjs', define: object = {}): Promise<string> {
  const logOverride = { 'empty-import-meta': 'silent' }
  const packages = 'external'
  return bundle({ entryPoints: [join(root, file)], platform: 'node', format, packages, define, logOverride })
}

/** An ES module as CommonJS. Rejects if it has what cannot be made CommonJS. */
export async function toCommonJs(code: string): Promise<string> {
  const logOverride = { 'empty-import-meta': 'error' }
  return (await transform(code, { format: 'cjs', platform: 'node', target: 'node20', logOverride })).code
}

async function bundle(options: object): Promise<string> {
  const { outputFiles } = await build({ bundle: true, target: 'es2022', write: false, ...options })
  return outputFiles[0]?.text ?? ''
}
