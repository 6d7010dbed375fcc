import { execFileSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { fetchPackage } from './from-npm.js'

/** What the package says it runs on: the newest of each is tested. */
export const MAJORS = ['20', '22', '24', '26'] as const

export interface NodeBinary {
  readonly version: string
  readonly path: string
  /** With it `node`, and whatever begins with `#!/usr/bin/env node`, is this one. */
  readonly env: NodeJS.ProcessEnv
  /** With it native modules are built for this one too. */
  readonly buildEnv: NodeJS.ProcessEnv
}

export function nodeBinary(major: string): NodeBinary {
  const { version, folder } = fetchPackage(`node-${process.platform}-${process.arch}`, major)
  const bin = join(folder, 'bin')
  const env = { ...process.env, PATH: bin + delimiter + process.env.PATH }
  const buildEnv = { ...env, npm_config_nodedir: folder }
  const node = { version, path: join(bin, 'node'), env, buildEnv }
  if (evaluate(node, 'process.versions.node') !== version) throw new Error(`${node.path} is not Node ${version}`)
  return node
}

/** What an expression is under this Node, as text. */
function evaluate({ path, env }: NodeBinary, expression: string): string {
  return execFileSync(path, ['--print', expression], { env, encoding: 'utf8' }).trim()
}

export function hasOwnSqlite(node: NodeBinary): boolean {
  return evaluate(node, "require('node:module').isBuiltin('node:sqlite')") === 'true'
}
