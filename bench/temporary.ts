import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let root: string | undefined

/** An empty folder that is gone when this process ends, however it does. */
export function temporaryFolder(): string {
  root ??= ownRoot()
  return mkdtempSync(join(root, 'folder-'))
}

function ownRoot(): string {
  const folder = mkdtempSync(join(tmpdir(), 'koa-authx-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
