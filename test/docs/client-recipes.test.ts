import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { root } from '../examples/programs.js'
import { blocksOf, readPage } from '../support/markdown.js'
import { printedFiles } from './printed-files.js'

const text = readPage('docs/client-recipes.md')
const printed = printedFiles(text)

describe('docs/client-recipes.md', () => {
  for (const { file, code } of printed) {
    test(`prints ${file} as it is`, () => {
      assert.ok(readPage(file).includes(code.trimEnd()), code)
    })
  }

  test('prints no code but its first program and what a test compares with a file', () => {
    const others = blocksOf(text).filter(({ language, code }) => language && !printed.some(each => each.code === code))
    assert.deepEqual(others, blocksOf(text).slice(0, 1))
  })

  test('links to every program of the folder', () => {
    const programs = readdirSync(join(root, 'examples/client'), { recursive: true, encoding: 'utf8' })
    // Types, and what the programs of the frameworks have in common or is a form.
    const others = /^tsconfig\.json$|\.d\.ts$|^client\.ts$|^notes-api\.ts$|(LoginForm|NotesPage)\.\w+$/
    const unlinked = programs.filter(name => /\.\w+$/.test(name) && !others.test(name))
    assert.ok(unlinked.length >= 14)
    for (const name of unlinked) assert.ok(text.includes(`](../examples/client/${name})`), name)
  })

  test('draws the states of every recipe', () => {
    const [, , ...sections] = text.split(/^## /m)
    for (const section of sections) {
      const drawn = blocksOf(section).filter(({ language, code }) => !language && code.includes('-->'))
      assert.ok(drawn.length > 0, section.split('\n')[0])
    }
  })
})
