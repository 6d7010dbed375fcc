import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readPage } from '../support/markdown.js'

/** The codes of findings in a text, between these quotes. */
const codesIn = (text: string, quote: string) =>
  [...text.matchAll(new RegExp(`${quote}((?:redis|postgres|sqlite|keyv|memory)-[a-z-]+)${quote}`, 'g'))].map(
    ([, code]) => code,
  )

test('the page about deploying says of every finding what to do, and of no other', () => {
  const files = readdirSync('stores').filter(name => /finding|check/.test(name))
  const found = files.flatMap(name => codesIn(readFileSync(`stores/${name}`, 'utf8'), "'"))
  const [, section = ''] = /## Before it goes live\n([\s\S]*?)\n## /.exec(readPage('docs/deploying.md')) ?? []
  const rows = section.split('\n').filter(line => line.startsWith('| `'))
  const told = rows.flatMap(row => codesIn(String(row.split(' | ')[0]), '`'))
  assert.ok(told.length > 25)
  assert.deepEqual([...told].sort(), [...new Set(found)].sort())
})
