import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const root = resolve(import.meta.dirname, '../..')
const typescript = resolve(createRequire(import.meta.url).resolve('typescript/package.json'), '..')

let compiled: Promise<ReadonlyMap<string, string>> | undefined

/**
 * Returns a module of `koa-authx/client` for browsers, or undefined if there is no such module. The modules are
 * compiled at the first request, which takes a second.
 */
export async function clientModule(name: string): Promise<string | undefined> {
  compiled ??= compile()
  compiled.catch(() => {
    compiled = undefined
  })
  return (await compiled).get(name)
}

async function compile(): Promise<ReadonlyMap<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'koa-authx-demo-'))
  try {
    const args = ['-p', join(root, 'client'), '--outDir', folder, '--declaration', 'false', '--noCheck']
    await promisify(execFile)(process.execPath, [join(typescript, 'bin/tsc'), ...args])
    const names = await readdir(folder)
    const texts = names.map(async name => [name, await readFile(join(folder, name), 'utf8')] as const)
    return new Map(await Promise.all(texts))
  } finally {
    await rm(folder, { recursive: true })
  }
}
