import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { REPOSITORY } from '../../tools/site/manifest.js'
import { root } from '../examples/programs.js'
import { type Block, blocksOf, complaintsAbout, readPage } from '../support/markdown.js'

const CHANGELOG = readPage('CHANGELOG.md')
const json = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'))
const manifest = json('package.json') as { version: string }

/** The compiler wants a script too. */
const NO_SCRIPT: Block = { language: 'js', code: '' }

const KINDS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']
const BREAKS = 'What breaks, and what to write instead'

/** The versions, the newest first, with the headings in them. */
const versions = [
  ...CHANGELOG.matchAll(/^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?\n(.*?)(?=^## |^\[Unreleased\]: )/gms),
].map(([, version = '', date, text = '']) => ({
  version,
  date,
  text,
  headings: [...text.matchAll(/^### (.*)$/gm)].map(([, heading = '']) => heading),
}))

describe('the changelog', () => {
  test('has the form of Keep a Changelog: versions with dates, the newest first, under the usual headings', () => {
    const [unreleased, ...released] = versions
    assert.deepEqual([unreleased?.version, unreleased?.date], ['Unreleased', undefined])
    assert.equal(versions.length, [...CHANGELOG.matchAll(/^## /gm)].length)
    const dates = released.map(({ date = '' }) => date)
    assert.ok(dates.every(date => new Date(date).toISOString().startsWith(date)))
    assert.deepEqual(dates, dates.toSorted().toReversed())
    for (const { headings, version } of versions) {
      const usual = headings.filter(heading => heading !== BREAKS)
      assert.deepEqual(
        usual.filter(heading => !KINDS.includes(heading)),
        [],
        version,
      )
      assert.equal(new Set(headings).size, headings.length, version)
    }
  })

  test('has the version of the package, in both files of npm', () => {
    const lock = json('package-lock.json') as { version: string; packages: Record<string, { version: string }> }
    assert.deepEqual([versions[1]?.version, lock.version, lock.packages['']?.version], Array(3).fill(manifest.version))
  })

  test('says first what breaks, in every version that may break something', () => {
    for (const { version, headings } of versions.slice(1, -1)) {
      if (/^0\.\d+\.0$|^\d+\.0\.0$/.test(version)) assert.equal(headings[0], BREAKS, version)
    }
  })

  test('links every version to what has changed in the repository', () => {
    const names = versions.map(({ version }) => version)
    const expected = names.map((name, n) => {
      const [from, to] = [names[n + 1], name === 'Unreleased' ? 'HEAD' : `v${name}`]
      return `[${name}]: ${REPOSITORY}/${from ? `compare/v${from}...${to}` : `releases/tag/${to}`}`
    })
    assert.deepEqual(CHANGELOG.match(/^\[.*\]: .*$/gm), expected)
  })

  test('shows code for the new version that compiles', async t => {
    const blocks = blocksOf(CHANGELOG).filter(({ language }) => language === 'ts')
    assert.ok(blocks.length > 10)
    const after = blocks.map(({ language, code }): Block => {
      const [, shared = '', , now = ''] = /^(.*)\/\/ 0\.\d+\.\d+\n(.*)\/\/ 0\.\d+\.\d+\n(.*)$/s.exec(code) ?? []
      assert.notEqual(now, '', code)
      return { language, code: shared + now }
    })
    assert.equal(await complaintsAbout(t, new Map([['CHANGELOG.md', [...after, NO_SCRIPT]]])), '')
  })
})
