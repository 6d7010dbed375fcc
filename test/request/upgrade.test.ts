import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MalformedTokenRequestError } from '../../src/index.js'
import { checkOrigins } from '../../src/request/origin.js'
import { fromProtocols } from '../../src/websocket/locate-in-upgrade.js'

describe('the token in Sec-WebSocket-Protocol', () => {
  const TABLE: readonly [header: string | undefined, found: string | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['chat', undefined],
    ['T', undefined],
    ['AuthX, T', undefined],
    ['authx2, T', undefined],
    ['authx.T', undefined],
    ['authx, T', 'T'],
    ['authx,T', 'T'],
    ['authx \t,\t T ', 'T'],
    ['chat, authx, T', 'T'],
    ['authx, T, chat', 'T'],
    [',authx,T,', 'T'],
    ['authx, AUTHX', 'AUTHX'],
  ]
  for (const [header, found] of TABLE) {
    test(`${JSON.stringify(header)} holds ${found ?? 'none'}`, () => assert.equal(fromProtocols(header), found))
  }

  const MALFORMED = [
    'authx',
    'chat, authx',
    'authx,',
    'authx, , T',
    'authx,\t',
    'authx, authx',
    'authx, authx, T',
    'authx, T, authx',
    'authx, T, authx, T',
    'authx, a b',
    'authx, a\tb',
  ]
  for (const header of MALFORMED) {
    test(`${JSON.stringify(header)} is malformed, and not nothing`, () =>
      assert.throws(() => fromProtocols(header), MalformedTokenRequestError))
  }

  test('is what stands after the one entry authx, whatever else is in the list', () => {
    const entry = fc.string({ unit: fc.constantFrom('a', 'u', 't', 'h', 'x', '.', '-'), minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(fc.array(entry), fc.constantFrom(',', ', ', ' ,\t'), (entries, comma) => {
        const marks = entries.filter(each => each === 'authx').length
        const expected = entries[entries.indexOf('authx') + 1]
        const read = () => fromProtocols(entries.join(comma))
        if (marks === 0) assert.equal(read(), undefined)
        else if (marks === 1 && expected !== undefined) assert.equal(read(), expected)
        else assert.throws(read, MalformedTokenRequestError)
      }),
    )
  })
})

describe('origins', () => {
  const GOOD = [
    'https://app.example',
    'http://localhost:3000',
    'http://127.0.0.1',
    'https://[::1]:8443',
    'https://xn--bcher-kva.example',
    'chrome-extension://abcdefghijklmnop',
    'capacitor://localhost',
    'tauri://localhost:1420',
  ]
  for (const origin of GOOD) test(`may name ${origin}`, () => checkOrigins([origin]))

  const WRONG: readonly unknown[] = [
    'https://app.example/',
    'https://app.example/path',
    'https://app.example?a=b',
    'https://app.example#a',
    'https://app.example:443',
    'http://app.example:80',
    'HTTPS://app.example',
    'https://APP.example',
    'https://bücher.example',
    'https://user@app.example',
    'https://*.example',
    'chrome-extension://*',
    ' https://app.example',
    'https://app.example\n',
    'https:app.example',
    'app.example',
    '//app.example',
    'localhost:3000',
    '*',
    'null',
    '',
    'file://',
    'file:///home',
    'data:text/html,a',
    'blob:https://app.example',
    'https://',
    undefined,
    null,
    5,
    {},
    ['https://app.example'],
    new URL('https://app.example'),
    /https:/,
  ]
  for (const origin of WRONG) {
    test(`may not name ${String(origin)} (${typeof origin})`, () =>
      assert.throws(() => checkOrigins(['https://good.example', origin]), { name: 'TypeError', message: /^origins / }))
  }

  test('are a list that is not empty', () => {
    for (const origins of [[], 'https://app.example', null, 5, {}, new Set(['https://app.example'])]) {
      assert.throws(() => checkOrigins(origins), { name: 'TypeError', message: /^origins / })
    }
  })
})
