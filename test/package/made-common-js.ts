import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toCommonJs } from '../support/bundle.js'
import { ENTRIES, evaluate, OURS, requireAll, step } from './project.js'

/** Another file takes its place in CommonJS: `imports` in package.json. */
const ESM_ONLY = join('stores', 'require-package.js')

/**
 * Makes the installed package CommonJS, as Jest does with a transform, file by file: each entry loads, and a store finds
 * the package that it needs. The project has nothing else after this.
 */
export async function checkMadeCommonJs(path: string): Promise<void> {
  step('Each file made CommonJS by a transform')
  const here = join(path, 'node_modules/koa-authx')
  const files = readdirSync(join(here, 'dist'), { recursive: true, encoding: 'utf8' }).filter(n => n.endsWith('.js'))
  for (const name of files) {
    const file = join(here, 'dist', name)
    const code = name === ESM_ONLY ? "throw new Error('This file is for ES modules only')" : readFileSync(file, 'utf8')
    writeFileSync(file, await toCommonJs(code))
  }
  const manifest = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')) as object
  writeFileSync(join(here, 'package.json'), JSON.stringify({ ...manifest, type: 'commonjs' }))
  requireAll(path, ENTRIES)
  const store = "new (require('koa-authx/stores/redis').RedisTokenStore)('redis://127.0.0.1:1')"
  evaluate(path, 'commonjs', `void ${store}.close()`, OURS)
}
