import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { variableOf } from '../../src/config/environment.js'
import { OPTIONS } from '../../src/config/table.js'
import * as library from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, cookie, makeAuthX, serve } from '../support/app.js'

const PAGE = 'docs/from-authx.md'
const page = readFileSync(PAGE, 'utf8')
const exported: Readonly<Record<string, unknown>> = library

type Row = readonly string[]

/** The tables whose header begins with these cells, without header and rule. */
function tablesOf(...header: readonly string[]): Row[] {
  const tables = page.split(/\n(?!\|)/).map(block => block.split('\n').filter(line => line.startsWith('|')))
  const rows = tables.map(lines =>
    lines.map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    ),
  )
  return rows.filter(([first]) => header.every((cell, n) => first?.[n] === cell)).flatMap(([, , ...body]) => body)
}

const codesIn = (text = '') => [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

/** The links to files in a cell: their text, and the file from the root of the project. */
const linksIn = (text = '') =>
  [...text.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, label = '', target = '']) => ({
    label,
    target: target.startsWith('#') || /^\w+:/.test(target) ? target : join(dirname(PAGE), target),
  }))

const section = (heading: string) => page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''

const counterparts = tablesOf('AuthX', 'koa-authx')
const defects = tablesOf('AuthX', 'here', 'tests')

/** What the page calls by a name of its own. */
const INSTANCES: Readonly<Record<string, object>> = {
  authx: makeAuthX({ store: new MemoryTokenStore() }),
  manager: new library.AuthManager(),
  engine: new library.PolicyEngine(),
}

const RULES = 'src/authorization/policy/rule.ts'

/** The interfaces that declare the members of what the page names, each with its file. */
const TYPES: Readonly<Record<string, readonly (readonly [type: string, file: string])[]>> = {
  options: [
    ['TokenPairOptions', 'src/session/tokens.ts'],
    ['TokenOptions', 'src/token/claims.ts'],
  ],
  payload: [['RegisteredClaims', 'src/token/payload.ts']],
  session: [['Session', 'src/session/listing.ts']],
  located: [['LocatedToken', 'src/request/locate.ts']],
  rule: [
    ['RuleMembers', RULES],
    ['PolicyRule', RULES],
  ],
  context: [
    ['PolicyRequest', RULES],
    ['PolicyContext', RULES],
  ],
  decision: [['PolicyDecision', RULES]],
}

/** Whether a counterpart that the page names is there. */
function exists(code: string): boolean {
  const [, owner, name = ''] = /^(?:(\w+)\.)?(\w+)(?:\(\))?$/.exec(code) ?? []
  if (code.startsWith('koa-authx/')) return existsSync(code.replace('koa-authx/', '').concat('.ts'))
  if (!owner) return Object.hasOwn(OPTIONS, name) || isExported(name)
  const types = TYPES[owner]
  if (types) return types.some(type => membersOf(...type).includes(name))
  return name in (INSTANCES[owner] ?? {})
}

const index = readFileSync('src/index.ts', 'utf8')

/** Types leave no trace at run time: they are looked for in the text. */
const isExported = (name: string) =>
  name in exported || new RegExp(`export (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\}`).test(index)

function membersOf(type: string, file: string): string[] {
  const declared = new RegExp(`^(?:export )?(?:interface|type) ${type}\\b(.*?)\\n(?:\\}|\\n)`, 'ms')
  const [, body = ''] = declared.exec(readFileSync(file, 'utf8')) ?? []
  assert.notEqual(body, '', `${file} declares no ${type}`)
  return [...body.matchAll(/^ +(?:readonly )?(\w+)\??:/gm)].map(([, name = '']) => name)
}

/** What tests call their instances besides. */
const CALLED: Record<string, string> = {
  authx: 'plain|admins|bare|issuer|verifier|one|two|each',
  manager: 'makeManager\\([^)]*\\)',
  engine: 'new PolicyEngine\\([^)]*\\)',
}

describe('every counterpart of AuthX', () => {
  test('that is named is there', () => {
    assert.ok(counterparts.length > 150)
    const missing = counterparts.flatMap(([what = '', here = '']) => {
      if (here === '-') return []
      assert.notDeepEqual(codesIn(here), [], what)
      return codesIn(here).filter(code => !exists(code))
    })
    assert.deepEqual([...new Set(missing)], [])
  })

  test('that is missing has a reason', () => {
    for (const [what, here, reason] of counterparts) if (here === '-') assert.match(reason ?? '', /\w+/, what)
  })

  test('is called in a test', () => {
    const files = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter(
      file => file.endsWith('.ts') && !file.startsWith('docs'),
    )
    const tests = files.map(file => readFileSync(join('test', file), 'utf8')).join('\n')
    const named = counterparts.flatMap(([, here]) => codesIn(here))
    const uncalled = [...new Set(named)].filter(code => {
      const [, owner = '', name = ''] = /^(\w+)\.(\w+)(?:\(\))?$/.exec(code) ?? []
      if (owner in TYPES) return !new RegExp(`\\b${name}\\b`).test(tests)
      return owner in INSTANCES && !new RegExp(`\\b(?:${owner}|${CALLED[owner]})\\.${name}\\b`).test(tests)
    })
    assert.deepEqual(uncalled, [])
  })

  test('stands once', () => {
    const names = counterparts.map(([what]) => what)
    assert.deepEqual(
      names.filter((name, n) => names.indexOf(name) !== n),
      [],
    )
  })
})

describe('a name of AuthX', () => {
  /** From AuthX's sources: arguments, members and types that are easily forgotten. */
  const names: Readonly<Record<string, readonly string[]>> = {
    create_token_pair: ['access_expiry', 'refresh_expiry', 'access_scopes', 'refresh_scopes'],
    'RequestToken.verify': ['verify_jwt', 'verify_type', 'verify_csrf', 'verify_fresh'],
    'TokenPayload.encode': ['key', 'algorithm', 'headers', 'data'],
    'TokenPayload.decode': ['key', 'algorithms', 'audience', 'issuer', 'verify'],
    PolicyRule: [
      'effect',
      'actions',
      'resources',
      'conditions',
      'scopes',
      'all_scopes_required',
      'evaluators',
      'reason',
    ],
    PolicyDecision: ['allowed', 'reason', 'rule'],
    PolicyContext: ['login_type', 'payload', 'request', 'subject', 'resource_attrs', 'environment'],
    SessionStoreProtocol: ['create', 'get', 'update', 'delete', 'list_by_user', 'delete_all_by_user'],
    TokenCallback: [],
    ModelCallback: [],
    RateLimitKeyFunc: [],
  }
  for (const [name, parts] of Object.entries(names)) {
    test(`has its rows: ${name}`, () => {
      const rows = counterparts.map(([what = '']) => what).filter(what => new RegExp(`\`${name}\\b`).test(what))
      assert.notDeepEqual(rows, [])
      for (const part of parts) assert.match(rows.join('\n'), new RegExp(`\\b${part}\\b`))
    })
  }
})

const { vectors } = JSON.parse(readFileSync('test/vectors/authx-python.json', 'utf8'))

/** A token that AuthX for Python has issued. */
const issued = (name: string) => vectors.find((vector: { name: string }) => vector.name === name)

describe('a login of a Python service', () => {
  const access = issued('access token with a csrf claim')
  const refresh = issued('refresh token with a csrf claim')
  const now = () => access.claims.iat * 1000
  const jar = cookie({ access_token_cookie: access.token, refresh_token_cookie: refresh.token })
  const csrf = (value: string) => ['X-CSRF-TOKEN', value] as const

  test('goes on with its cookies and CSRF values, and is a session after its first refresh', async t => {
    const authx = new library.AuthX({ ...access.options, store: new MemoryTokenStore(), now })
    const request = await serve(
      t,
      appOf(authx.middleware(), async (ctx, next) => {
        if (ctx.path === '/refresh') ctx.body = await authx.refresh(ctx)
        else await authx.accessTokenRequired()(ctx as never, next)
      }),
    )
    const post = async (path: string, value: string) =>
      (await request({ method: 'POST', path, headers: [jar, csrf(value)] })).status
    assert.equal(await post('/', access.claims.csrf), 404, 'the guard lets the request through')
    assert.equal(await post('/', 'wrong'), 403)
    assert.deepEqual(await authx.listSessions('test'), [])
    assert.equal(await post('/refresh', refresh.claims.csrf), 200)
    const [session] = await authx.listSessions('test')
    assert.equal(session?.sid, refresh.claims.jti)
  })

  test('is refused by an instance with a login type, if its tokens name none', async () => {
    const authx = new library.AuthX({ ...access.options, store: new MemoryTokenStore(), loginType: 'user', now })
    await assert.rejects(authx.verifyToken(access.token), library.LoginTypeMismatchError)
  })
})

describe('the blocklist of a Python service', () => {
  const { token, options, claims } = issued('access token')

  test('moves to the store by its encoded tokens, and an invalid entry is a JWTDecodeError', async () => {
    const authx = new library.AuthX({ ...options, store: new MemoryTokenStore(), now: () => claims.iat * 1000 })
    const payload = await authx.verifyToken(token)
    assert.equal(await authx.isRevoked(payload), false)
    await authx.revoke(token)
    assert.equal(await authx.isRevoked(payload), true)
    for (const entry of ['', 'a.b.c', `${token}x`]) await assert.rejects(authx.revoke(entry), library.JWTDecodeError)
  })

  test('finds a token of AuthX by its `jti`', async () => {
    const authx = new library.AuthX({ ...options, now: () => claims.iat * 1000 })
    const revoked = new Set<string>()
    authx.setTokenBlocklist(payload => revoked.has(payload.jti))
    assert.equal((await authx.verifyToken(token)).jti, claims.jti)
    revoked.add(claims.jti)
    await assert.rejects(authx.verifyToken(token), library.RevokedTokenError)
  })
})

describe('what AuthX lacks', () => {
  test('is there', () => {
    const lines = page.split('\n').filter(line => line.startsWith('Without a counterpart in AuthX: '))
    assert.equal(lines.length, 3)
    for (const code of lines.flatMap(line => codesIn(line))) assert.ok(exists(code), code)
  })
})

describe('the settings of AuthX', () => {
  test('are all there, each beside the option of its name', () => {
    const rows = counterparts.filter(([what]) => what?.startsWith('`JWT_'))
    assert.equal(rows.length, 52)
    for (const [variable = '', option = ''] of rows) {
      const [name = ''] = codesIn(option)
      assert.equal(variableOf(name), codesIn(variable)[0])
      assert.equal(OPTIONS[name as keyof typeof OPTIONS].environment, true, name)
    }
  })
})

describe('the errors', () => {
  const abstract = ['AuthXError']
  const rows = tablesOf('AuthX', 'koa-authx', '', 'AuthX status', 'status')

  test('have the status that the page tells', () => {
    assert.ok(rows.length > 20)
    for (const [, here, , , status] of rows) {
      for (const name of codesIn(here).filter(name => !abstract.includes(name))) {
        const error = Reflect.construct(exported[name] as new () => library.AuthXError, [['...']])
        assert.equal(String(error.status), status, name)
      }
    }
  })

  test('are all on the page', () => {
    const errors = Object.keys(exported).filter(name => name.endsWith('Error'))
    const told = codesIn(section('Errors'))
    for (const name of errors) assert.ok(told.includes(name), name)
  })
})

describe('the defects of AuthX', () => {
  test('are each held by tests that are there under their names', () => {
    assert.ok(defects.length > 20)
    for (const [defect = '', , heldBy] of defects) {
      const links = linksIn(heldBy)
      assert.notDeepEqual(links, [], defect)
      for (const { label, target } of links) {
        assert.match(target, /^test\/.+\.test\.ts$/)
        assert.ok(namesIn(target).includes(label), `${target} has no test "${label}"`)
      }
    }
  })

  /** The names of the tests and groups of a file that it spells out. */
  const namesIn = (file: string) =>
    [...readFileSync(file, 'utf8').matchAll(/\b(?:test|describe)\(\s*(?:'((?:[^'\\]|\\.)*)'|"([^"]*)")/g)].map(
      ([, single, double = '']) => single ?? double,
    )
})

describe('the links of the page', () => {
  test('lead to what is there', () => {
    const links = linksIn(page)
    assert.ok(links.length > 40)
    for (const { target } of links) {
      if (target.startsWith('#')) assert.ok(anchors.includes(target.slice(1)), target)
      else if (!target.startsWith('https://')) assert.ok(existsSync(target.replace(/#.*/, '')), target)
    }
  })

  /** As GitHub makes them of headings. */
  const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
})
