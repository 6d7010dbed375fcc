import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { root } from '../examples/programs.js'
import { answersOf, readPage, servers } from '../support/markdown.js'
import { pages } from './all-pages.js'

const WRONG = `curl -sS -w '\\n%{http_code}\\n' http://localhost:8000/login -d username=test -d password=wrong`

/** What may answer 401 in a form of its own, and why. */
const OTHER_FORMS: Readonly<Record<string, string>> = {
  'examples/pages/app.ts': 'shows the login form again, with what was wrong',
}

describe('a wrong password', () => {
  for (const [page, blocks] of pages) {
    const withLogin = servers(blocks).filter(({ server }) => server.code.includes(".post('/login', koaBody()"))
    for (const [n, { server }] of withLogin.entries()) {
      test(`is answered by the server of ${page} (${n + 1}) in the JSON form of every other error`, async t => {
        for (const { printed } of await answersOf(t, { server, lines: [WRONG], printed: '' })) {
          const [body = '', status] = printed.split('\n')
          assert.equal(status, '401')
          assert.equal(JSON.parse(body).error_type, 'InvalidCredentialsError')
        }
      })
    }
  }

  test('is answered in no other form by any example or page', () => {
    const examples = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => `examples/${name}`)
    const others = [...pages.keys(), ...examples].filter(file => /\bthrow\(401\b|\bstatus = 401\b/.test(readPage(file)))
    assert.deepEqual(others, Object.keys(OTHER_FORMS))
  })
})
