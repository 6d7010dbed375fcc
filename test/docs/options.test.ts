import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { variableOf } from '../../src/config/environment.js'
import { OPTIONS } from '../../src/config/table.js'
import { AuthX } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { documentedOptions, OPTIONS_PAGE, optionsPage } from './options-table.js'

describe('the page of options', () => {
  test('is what npm run docs writes', () => {
    assert.equal(readFileSync(OPTIONS_PAGE, 'utf8'), optionsPage(), 'src/config has changed: npm run docs')
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
    assert.match(scripts.docs ?? '', /test\/docs\/options-table\.ts$/)
  })

  test('holds every option once, each with its type and its meaning', () => {
    const options = documentedOptions()
    const rows = [...optionsPage().matchAll(/^\| `(\w+)` \| (?:`JWT_|- \|)/gm)].map(([, name]) => name)
    assert.deepEqual(rows.sort(), Object.keys(OPTIONS).sort())
    assert.deepEqual(options.map(({ name }) => name).sort(), Object.keys(OPTIONS).sort())
    for (const { name, type, meaning } of options) assert.ok(type !== '' && /^[A-Z`].+\.$/.test(meaning), name)
  })

  test('holds every variable', () => {
    const rows = optionsPage().split('\n')
    assert.equal(
      rows.filter(row => /^\| `\w+` \| `JWT_[A-Z_]+` \|/.test(row)).length,
      Object.values(OPTIONS).filter(({ environment }) => environment).length,
    )
    assert.equal(variableOf('accessTokenExpires'), 'JWT_ACCESS_TOKEN_EXPIRES')
  })

  test('has a table of the options without a variable', () => {
    const [, own = ''] = optionsPage().split('\n## Not in AuthX\n')
    const without = Object.entries(OPTIONS).filter(([, { environment }]) => !environment)
    const names = [...own.matchAll(/^\| `(\w+)` \| - \|/gm)].map(([, name]) => name)
    assert.deepEqual(names.sort(), without.map(([name]) => name).sort())
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

  test('tell which options stand in for others', () => {
    const secretKey = 'a secret of thirty-two bytes or more'
    const store = new MemoryTokenStore()
    const { config } = new AuthX({ secretKey, store, encodeAudience: 'here', encodeIssuer: 'us' })
    assert.deepEqual(config.decodeAlgorithms, ['HS256'])
    assert.deepEqual(config.decodeAudience, ['here'])
    assert.equal(config.decodeIssuer, 'us')
    const said = (option: string) => documentedOptions().find(({ name }) => name === option)?.said
    assert.equal(said('decodeAlgorithms'), '`[algorithm]`')
    assert.equal(said('decodeAudience'), '`encodeAudience`')
    assert.equal(said('decodeIssuer'), '`encodeIssuer`')
  })

  /** What `15 minutes`, `true`, `POST, PUT` or code mean. */
  function meantBy(said = ''): unknown {
    const words = said.replaceAll('`', '')
    if (words === 'Date.now') return OPTIONS.now.fallback
    if (/^[A-Z]+, /.test(words)) return words.split(', ')
    return JSON.parse(words.replace(/^(\d+) ([smd])(?:econd|inute|ay)s?$/, "'$1$2'").replaceAll("'", '"'))
  }
})
