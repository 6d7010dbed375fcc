import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { OPTIONS } from '../../src/config/table.js'
import { documentedOptions, OPTIONS_PAGE, optionsPage } from './options-table.js'

describe('the page of options', () => {
  test('is what npm run docs writes', () => {
    assert.equal(readFileSync(OPTIONS_PAGE, 'utf8'), optionsPage(), 'src/config has changed: npm run docs')
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
    assert.match(scripts.docs ?? '', /test\/docs\/options-table\.ts$/)
  })

  test('holds every option once, each with its type and its meaning', () => {
    const options = documentedOptions()
    assert.deepEqual(options.map(({ name }) => name).sort(), Object.keys(OPTIONS).sort())
    for (const { name, type, meaning } of options) assert.ok(type !== '' && /^[A-Z`].+\.$/.test(meaning), name)
  })

  test('holds every variable of AuthX', () => {
    const rows = optionsPage().split('\n')
    assert.equal(rows.filter(row => /^\| `\w+` \| `JWT_[A-Z_]+` \|/.test(row)).length, 52)
  })
})

describe('the doc comments of the options', () => {
  test('tell the defaults of the code', () => {
    for (const { name, said } of documentedOptions()) {
      const { fallback, type } = OPTIONS[name as keyof typeof OPTIONS]
      const without = fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)
      if (!without) assert.deepEqual(type.read(meantBy(said)), fallback, name)
    }
  })

  /** What `15 minutes`, `true`, `POST, PUT` or code mean. */
  function meantBy(said = ''): unknown {
    const words = said.replaceAll('`', '')
    if (words === 'Date.now') return Date.now
    if (/^[A-Z]+, /.test(words)) return words.split(', ')
    return JSON.parse(words.replace(/^(\d+) ([md])(?:inute|ay)s$/, "'$1$2'").replaceAll("'", '"'))
  }
})
