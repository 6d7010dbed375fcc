/** Gives what is published the same modes on every machine: npm packs those that the packer's umask has left. */
import { execFileSync } from 'node:child_process'
import { chmodSync } from 'node:fs'

interface Packed {
  readonly files: readonly { readonly path: string }[]
}

const list = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' })
const packed = Object.values(JSON.parse(list) as Record<string, Packed>)
for (const { path } of packed.flatMap(({ files }) => files)) chmodSync(path, 0o644)
