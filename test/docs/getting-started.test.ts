import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as errors from '../../src/errors.js'
import { root } from '../examples/programs.js'
import { readPage } from '../support/markdown.js'

describe('what the page says about mistakes', () => {
  const [, section = ''] = readPage('docs/getting-started.md').split('## When something is wrong')
  const rows = section.split('\n').filter(line => /^\| .* \| .* \|$/.test(line))
  const sources = ['src', 'stores']
    .flatMap(folder => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(n => join(folder, n)))
    .filter(name => name.endsWith('.ts'))
    .map(name => readFileSync(join(root, name), 'utf8'))
    .join('\n')

  test('names errors and warnings that there are', () => {
    const seen = rows.map(row => row.split('|')[1] ?? '').join('\n')
    const classes = [...seen.matchAll(/`(\w+Error)`/g)].map(([, name = '']) => name)
    const codes = [...seen.matchAll(/`(AUTHX_\w+)`/g)].map(([, code = '']) => code)
    assert.ok(classes.length >= 4 && codes.length >= 3)
    for (const name of classes) assert.ok(name in errors, name)
    for (const code of codes) assert.ok(sources.includes(`'${code}'`), code)
  })

  test('quotes messages as they are', () => {
    for (const message of [' makes middleware', 'an await is missing', 'the subject must be a string']) {
      assert.ok(section.includes(message) && sources.includes(message), message)
    }
  })
})
