import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Bundler {
  build(options: object): Promise<{ outputFiles: readonly { text: string }[] }>
}

/** esbuild is here because tsx needs it. */
const { build } = createRequire(createRequire(import.meta.url).resolve('tsx'))('esbuild') as Bundler

const root = fileURLToPath(new URL('../..', import.meta.url))

/** `koa-authx/client` as one ES module for browsers; or, as `iife`, as a script that makes the global `koaAuthx`. */
export async function bundleClient({ minify = false, format = 'esm' as 'esm' | 'iife' } = {}): Promise<string> {
  const entryPoints = [join(root, 'client/index.ts')]
  const shape = { bundle: true, format, platform: 'browser', target: 'es2022', minify, write: false }
  const { outputFiles } = await build({ entryPoints, globalName: 'koaAuthx', ...shape })
  return outputFiles[0]?.text ?? ''
}
