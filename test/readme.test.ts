import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { variableOf } from '../src/config/environment.js'
import { OPTIONS } from '../src/config/table.js'
import * as errors from '../src/errors.js'
import { hasCurl, Program, pathWithStandIn, root, runLines } from './examples/programs.js'
import { freePort } from './support/free-port.js'
import { blocksOf, complaints, complaintsAbout, projectFor, readPage } from './support/markdown.js'

const readme = readPage('README.md')
const blocks = blocksOf(readme)

function section(heading: string): string {
  const [, text = ''] = readme.split(`\n## ${heading}\n`)
  return text.split('\n## ')[0] ?? ''
}

/** The cells of the rows whose first cell is code, that code without its quotes. */
function tableRows(text: string): string[][] {
  const rows = text.split('\n').filter(line => line.startsWith('| `'))
  return rows.map(row => {
    const [, first = '', ...cells] = row.split('|').map(cell => cell.trim())
    return [first.replaceAll('`', ''), ...cells.slice(0, -1)]
  })
}

describe('the quickstart of the README', () => {
  const quickstart = blocks.findIndex(({ code }) => code.includes('.listen(8000)'))
  const [app, lines, answers] = blocks.slice(quickstart).filter(({ language }) => language !== 'text')

  test('answers its five curl lines as printed', async t => {
    assert.ok(app && lines && answers)
    const commands = lines.code.trim().split('\n')
    assert.equal(commands.length, 5)
    const standIn = pathWithStandIn(await projectFor(t))
    for (const path of (await hasCurl()) ? [undefined, standIn] : [standIn]) {
      const port = await freePort()
      const folder = await projectFor(t)
      writeFileSync(join(folder, 'app.mjs'), app.code.replace('8000', String(port)))
      const program = new Program('./app.mjs', folder)
      t.after(() => program.end())
      await program.until(() => fetch(`http://localhost:${port}/`))
      const printed = await runLines(
        commands.map(line => line.replace(':8000/', `:${port}/`)),
        folder,
        path,
      )
      assert.equal(printed.join('').replaceAll(/"eyJ[\w.-]{100,}"/g, '"eyJ..."'), answers.code)
      assert.doesNotMatch(program.stderr, /AuthXWarning|Error/)
    }
  })

  test('tells of commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }
    for (const [, command = ''] of readme.matchAll(/npm ci && npm (\w+)/g)) assert.ok(command in scripts, command)
    for (const [, file = ''] of readme.matchAll(/\]\(([\w./-]+)\)/g)) assert.ok(existsSync(join(root, file)), file)
  })
})

describe('the code of the README', () => {
  test('compiles, the TypeScript strictly', async t => {
    const count = (language: string) => blocks.filter(block => block.language === language).length
    assert.ok(count('ts') > 10 && count('js') > 1)
    // The quickstart is run, and reads a body that TypeScript knows nothing of.
    assert.equal(
      await complaintsAbout(
        t,
        blocks.filter(({ code }) => !code.includes('.listen(8000)')),
      ),
      '',
    )
  })

  test('shows the interface TokenStore as it is', async t => {
    const folder = await projectFor(t)
    const shown = blocks.find(({ code }) => code.startsWith('interface TokenStore'))
    assert.ok(shown)
    const both = `import type { TokenStore as Real } from 'koa-authx'\n${shown.code}
      export const there = (store: Real): TokenStore => store
      export const back = (store: TokenStore): Real => store`
    writeFileSync(join(folder, 'both.mts'), both)
    assert.equal(await complaints(folder, ['both.mts']), '')
  })
})

describe('the options of the README', () => {
  const rows = tableRows(section('Options'))
  const names = (lines: string[][]) => lines.map(([name = '']) => name).sort()

  test('are all that there are, each once', () => {
    assert.deepEqual(names(rows), Object.keys(OPTIONS).sort())
  })

  test('have the defaults of the code', () => {
    for (const [name = '', , shown = ''] of rows) {
      const { fallback, type } = OPTIONS[name as keyof typeof OPTIONS]
      const none = fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)
      if (none) assert.equal(shown, '-', name)
      else assert.deepEqual(type.read(literal(shown)), fallback, name)
    }
  })

  test('stand under "Not in AuthX" if they have no environment variable', () => {
    const [, own = ''] = section('Options').split('\n### Not in AuthX\n')
    const without = Object.entries(OPTIONS).filter(([, { environment }]) => !environment)
    assert.deepEqual(names(tableRows(own)), without.map(([name]) => name).sort())
    assert.equal(variableOf('accessTokenExpires'), 'JWT_ACCESS_TOKEN_EXPIRES')
  })

  test('take the place of others where it says so', () => {
    const secretKey = 'a secret of thirty-two bytes or more'
    const store = new MemoryTokenStore()
    const { config } = new AuthX({ secretKey, store, encodeAudience: 'here', encodeIssuer: 'us' })
    assert.deepEqual(config.decodeAlgorithms, ['HS256'])
    assert.deepEqual(config.decodeAudience, ['here'])
    assert.equal(config.decodeIssuer, 'us')
  })

  /** What a default means as it is printed. */
  function literal(shown: string): unknown {
    const code = shown.replace(/^`(.*)`$/, '$1')
    return code === 'Date.now' ? Date.now : JSON.parse(code.replaceAll("'", '"'))
  }
})

describe('the errors of the README', () => {
  const abstract = ['AuthXError', 'TokenTypeError']
  const constructors = Object.entries(errors).filter(([name]) => !abstract.includes(name))
  const rows = new Map(tableRows(section('Errors')).map(([name = '', ...cells]) => [name, cells]))

  test('are all that there are', () => {
    assert.deepEqual([...rows.keys()].sort(), constructors.map(([name]) => name).sort())
  })

  test('have the status, the code and the headers of the code', () => {
    for (const [name, ErrorClass] of constructors) {
      const [status, code, challenge, text] = rows.get(name) ?? []
      const error = Reflect.construct(ErrorClass, takesList(name) ? [['...']] : []) as errors.AuthXError
      assert.equal(error.name, name)
      assert.deepEqual([String(error.status), `\`${error.code}\``], [status, code], name)
      const sent = String(error.headers['WWW-Authenticate'] ?? '-').replace(/^Bearer realm="authx", /, '')
      assert.equal(sent === '-' ? sent : `\`${sent}\``, challenge, name)
      assert.equal(text?.includes('Retry-After: 1'), error.headers['Retry-After'] === '1', name)
    }
  })

  test('extend each other as it says', () => {
    const children = (parent: abstract new (...args: never[]) => errors.AuthXError) =>
      constructors.filter(([, { prototype }]) => prototype instanceof parent).map(([name]) => name)
    assert.equal(children(errors.AuthXError).length, constructors.length)
    const order = [...rows.keys()]
    const decoding = order.indexOf('JWTDecodeError') + 1
    assert.deepEqual(children(errors.JWTDecodeError).sort(), order.slice(decoding, decoding + 4).sort())
    assert.deepEqual(children(errors.TokenTypeError), ['AccessTokenRequiredError', 'RefreshTokenRequiredError'])
    assert.deepEqual(children(errors.RevokedTokenError), ['ReusedTokenError'])
    assert.deepEqual(children(errors.CSRFError), ['MissingCSRFTokenError'])
    assert.deepEqual(children(errors.PolicyDeniedError), ['PolicyEvaluationError'])
  })

  const takesList = (name: string) => name === 'InsufficientScopeError' || name === 'BadConfigurationError'
})
