import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bundleBeside } from '../support/bundle.js'
import { temporaryFolder } from '../support/temporary.js'

const packages = fileURLToPath(new URL('../../node_modules', import.meta.url))

/** What webpack writes instead of `import.meta.url`: where the file was when the bundle was made. */
const ELSEWHERE = { 'import.meta.url': '"file:///gone/require-package.js"' }

for (const [format, name, define] of [
  ['esm', 'program.mjs', {}],
  ['cjs', 'program.cjs', {}],
  ['esm', 'elsewhere.mjs', ELSEWHERE],
] as const) {
  test(`stores in a bundle (${name}) find the packages that are installed beside it`, async t => {
    const { folder, remove } = await temporaryFolder()
    t.after(remove)
    symlinkSync(packages, join(folder, 'node_modules'))
    writeFileSync(join(folder, name), await bundleBeside('test/support/bundled-stores.ts', format, define))
    // The working directory is not where the packages are.
    const program = join(folder, name)
    // In `node --eval` every module sees a `__filename` that is no path.
    const evaluated = ['--eval', `import(${JSON.stringify(program)})`]
    // There, nothing says where a bundle is that has the address of another machine.
    for (const args of define === ELSEWHERE ? [[program]] : [[program], evaluated]) {
      const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: '/', encoding: 'utf8' })
      const lines = stdout.trim().split('\n')
      assert.deepEqual(
        lines,
        ['[ undefined ]', 'Error: Redis cannot be reached: ClientOfflineError, ECONNREFUSED'],
        stdout + stderr,
      )
    }
  })
}
