import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Bundler {
  build(options: object): Promise<{ outputFiles: readonly { text: string }[] }>
}

/** esbuild is here because tsx needs it. */
const { build } = createRequire(createRequire(import.meta.url).resolve('tsx'))('esbuild') as Bundler

const root = fileURLToPath(new URL('../..', import.meta.url))

/** `koa-authx/client` as one ES module for browsers. */
export async function bundleClient({ minify = false } = {}): Promise<string> {
  const entryPoints = [join(root, 'client/index.ts')]
  const shape = { bundle: true, format: 'esm', platform: 'browser', target: 'es2022', minify, write: false }
  const { outputFiles } = await build({ entryPoints, ...shape })
  return outputFiles[0]?.text ?? ''
}
