import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../../..')

/**
 * The compiled form of a TypeScript program of the tests, with what it imports, in a folder that goes away with this
 * process. Started from it, a process costs a third of what it costs under tsx, and runs the very code that a build makes.
 */
export function compiled(program: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'koa-authx-compiled-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  // Packages are found from where a file lies.
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const imports = { '#require-package': './stores/require-package.js' }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', imports }))
  const compilerOptions = { rootDir: ROOT, outDir: folder, noCheck: true, paths: {} }
  // Nothing imports it by its own name.
  const files = [program, join(ROOT, 'stores/require-package.ts')]
  const project = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, files, include: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project))
  const { status, stdout } = spawnSync(process.execPath, [compiler(), '-p', folder], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`tsc ended with ${status}: ${stdout}`)
  return join(folder, relative(ROOT, program).replace(/\.ts$/, '.js'))
}

function compiler(): string {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
  return join(dirname(manifest), 'bin/tsc')
}
