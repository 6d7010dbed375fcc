import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { basename, join, posix } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { root } from '../examples/programs.js'
import { readPage } from '../support/markdown.js'
import type { Chapter } from '../torture/case.js'

const PAGE = 'docs/guarantees.md'
const CHAPTERS = 'test/torture/chapters'
const page = readPage(PAGE)

interface Named {
  readonly name: string
  readonly file: string
}

/** What a text names: links to files of tests, whose text is the name of a test or of a case. */
const namedIn = (text: string): Named[] =>
  [...text.matchAll(/\[([^\]]+)\]\((\.\.\/test\/[^)]+)\)/g)].map(([, name = '', target = '']) => ({
    name,
    file: posix.join(posix.dirname(PAGE), target),
  }))

/** The rows of the tables whose last column is "shown by", each as its cells. */
const promises = page.split(/\n(?!\|)/).flatMap(block => {
  const rows = block
    .split('\n')
    .filter(line => line.startsWith('|'))
    .map(line => line.split('|').slice(1, -1))
  return rows[0]?.at(-1)?.trim() === 'shown by' ? rows.slice(2) : []
})

const cases = new Map<string, readonly string[]>()
for (const file of readdirSync(join(root, CHAPTERS))) {
  const { chapter } = (await import(pathToFileURL(join(root, CHAPTERS, file)).href)) as { chapter: Chapter }
  cases.set(
    file,
    chapter.cases.map(({ name }) => name),
  )
}

/** The tests and groups that a file spells out; a test in a group also as `group: test`. */
function testsIn(file: string): string[] {
  const groups: { name: string; indent: number }[] = []
  const spelt = readPage(file).matchAll(/^( *)(?:await t\.)?(test|describe)\(\s*(?:'((?:[^'\\]|\\.)*)'|"([^"]*)"|`)/gm)
  return [...spelt].flatMap(([, { length: indent } = '', what, single, double]) => {
    const name = single ?? double ?? ''
    while ((groups.at(-1)?.indent ?? -1) >= indent) groups.pop()
    const group = groups.at(-1)?.name
    if (what === 'describe') groups.push({ name, indent })
    return group ? [name, `${group}: ${name}`] : [name]
  })
}

const isThere = ({ name, file }: Named) =>
  (posix.dirname(file) === CHAPTERS ? (cases.get(basename(file)) ?? []) : testsIn(file)).includes(name)

describe('the page of guarantees', () => {
  test('names tests and cases that there are', () => {
    const named = namedIn(page)
    assert.ok(named.length > 100)
    assert.deepEqual(
      named.filter(each => !isThere(each)),
      [],
    )
  })

  test('names for each promise what shows it, and where it holds', () => {
    assert.ok(promises.length > 70)
    for (const cells of promises) {
      assert.notDeepEqual(namedIn(cells.at(-1) ?? ''), [], cells[0])
      for (const cell of cells) assert.match(cell, /\w/, cells[0])
    }
  })

  test('names every case of the torture programme', () => {
    const names = namedIn(page).map(({ name }) => name)
    assert.deepEqual(
      [...cases.values()].flat().filter(name => !names.includes(name)),
      [],
    )
  })
})
