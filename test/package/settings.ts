import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readPage } from '../support/markdown.js'
import { step } from './project.js'

type Row = Readonly<Record<string, string>>

const PROGRAM = `
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { AuthXClient } from 'koa-authx/client'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { makeToken } from 'koa-authx/testing'

const authx = new AuthX({ secretKey: 'a secret of thirty-two bytes or more', store: new MemoryTokenStore() })
new Koa().use(authx.accessTokenRequired()).use(ctx => {
  const sub: string = ctx.state.token.sub
  ctx.body = sub
})
const client = new AuthXClient({ tokens: 'cookies', baseUrl: 'http://localhost' })
const token: string = makeToken(authx)
console.log(token.split('.').length === 3 && typeof client.fetch === 'function' ? 'works' : 'is broken')
`

/**
 * Compiles a program under each row of the table in docs/getting-started.md: with the result that the column of this
 * TypeScript has. What compiles is run. `path` is a project that has the package, Koa and its types.
 */
export function checkSettings(path: string, typescript: string, tsc: readonly [string, ...string[]]): void {
  step(`The settings in docs/getting-started.md, with TypeScript ${typescript}`)
  const rows = tableOf(readPage('docs/getting-started.md'))
  assert.ok(rows.length >= 10 && rows.every(row => row[`TypeScript ${typescript}`]))
  for (const [n, row] of rows.entries()) {
    const { module = '', moduleResolution = '', 'type in package.json': type = '' } = row
    const expected = row[`TypeScript ${typescript}`] ?? ''
    const settings = moduleResolution === 'not set' ? { module } : { module, moduleResolution }
    const title = `${JSON.stringify(settings)} in a project of type ${type}`
    const result = resultOf(join(path, `settings-${typescript}-${n}`), settings, type, tsc)
    assert.ok(result.split(' ').includes(expected), `${title}: ${expected} was expected, but the result is ${result}`)
    console.log(`${title}: ${expected}`)
  }
}

function tableOf(page: string): Row[] {
  const table = /^\| `module` .*\n\|[-|]+\n((?:\|.*\n)+)/m.exec(page)
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.replaceAll('`', '').trim())
  const [head = '', , ...lines] = table?.[0].trim().split('\n') ?? []
  const names = cells(head)
  return lines.map(line => Object.fromEntries(cells(line).map((cell, n) => [names[n], cell])))
}

/** `works`, or the codes of the compiler's errors. */
function resultOf(path: string, settings: object, type: string, tsc: readonly [string, ...string[]]): string {
  mkdirSync(path)
  const shape = {
    target: 'es2022',
    strict: true,
    esModuleInterop: true,
    skipLibCheck: true,
    outDir: 'out',
    rootDir: '.',
  }
  writeFileSync(join(path, 'package.json'), JSON.stringify({ type }))
  writeFileSync(join(path, 'main.ts'), PROGRAM)
  writeFileSync(
    join(path, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...shape, ...settings }, files: ['main.ts'] }),
  )
  const [command, ...args] = tsc
  const { status, stdout } = spawnSync(command, [...args, '--project', path], { cwd: path, encoding: 'utf8' })
  if (status !== 0) return [...new Set(stdout.match(/TS\d+/g))].join(' ')
  const ran = spawnSync(process.execPath, [join(path, 'out/main.js')], { cwd: path, encoding: 'utf8' })
  return ran.stdout.trim() || ran.stderr
}
