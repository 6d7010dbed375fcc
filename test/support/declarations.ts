import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../examples/programs.js'

const run = promisify(execFile)

/** Write the declarations that are published into `folder`, as they are in a package: ESM, beside the packages they name. */
export async function emitDeclarations(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const tsc = join(root, 'node_modules/.bin/tsc')
  const emit = ['--emitDeclarationOnly', '--outDir']
  await run(tsc, ['-p', join(root, 'tsconfig.build.json'), ...emit, folder])
  await run(tsc, ['-p', join(root, 'client'), ...emit, join(folder, 'client')])
}

/** Where a program that imports the package finds them. */
export const publishedPaths = (folder: string): Record<string, string[]> => ({
  'koa-authx': [join(folder, 'src/index.d.ts')],
  'koa-authx/client': [join(folder, 'client/index.d.ts')],
  'koa-authx/testing': [join(folder, 'src/testing/index.d.ts')],
  'koa-authx/router': [join(folder, 'src/router/index.d.ts')],
  'koa-authx/issuers': [join(folder, 'src/remote-issuer/index.d.ts')],
  'koa-authx/stores/*': [join(folder, 'stores/*.d.ts')],
})
