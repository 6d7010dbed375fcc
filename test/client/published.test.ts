import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { AuthXClient } from 'koa-authx/client'
import { root } from '../examples/programs.js'
import { bundleUse } from '../support/bundle.js'
import { readPage } from '../support/markdown.js'
import { temporaryFolder } from '../support/temporary.js'

const page = readPage('docs/client.md')

test('a bundler drops the client from a page that uses its error class only', async () => {
  const script = await bundleUse('AuthXClientError')
  assert.match(script, /AuthXClientError/)
  assert.ok(script.length < 300, script)
})

test('the published types have no any', async t => {
  const { folder, remove } = await temporaryFolder()
  t.after(remove)
  const tsc = join(root, 'node_modules/.bin/tsc')
  await promisify(execFile)(tsc, ['-p', join(root, 'client'), '--emitDeclarationOnly', '--outDir', folder])
  const files = readdirSync(folder).filter(name => name.endsWith('.d.ts'))
  assert.ok(files.includes('client.d.ts'))
  for (const name of files) {
    const types = readFileSync(join(folder, name), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '')
    assert.doesNotMatch(types, /\bany\b/, name)
  }
})

test('docs/client.md names every member of the client', () => {
  const members = Object.getOwnPropertyNames(AuthXClient.prototype).filter(name => name !== 'constructor')
  assert.ok(members.includes('fetch'))
  for (const name of members) assert.match(page, new RegExp(`\`${name}[\`(]`), name)
})

test('docs/client.md names every option', () => {
  const options = optionNames()
  assert.ok(options.includes('tokens') && options.includes('timeouts.lock'))
  const table = page.split('| option |')[1]?.split('\n\n')[0] ?? ''
  for (const name of options) {
    const [outer, inner] = name.split('.')
    const row = table.split('\n').find(line => line.split(' | ')[0]?.includes(`\`${outer}\``))
    assert.ok(row, name)
    if (inner) assert.match(row, new RegExp(`\\b${inner}: `))
  }
})

/** The client itself lists its options if it is given one that is like none of them. */
function optionNames(): string[] {
  try {
    new AuthXClient({ 日本: 1 } as never)
  } catch (error) {
    return (error as Error).message.split('it takes ')[1]?.split(', ') ?? []
  }
  return []
}
