import { Broken, type Outcome, type Pass } from '../case.js'
import { errorOf } from '../hostile/answers.js'
import {
  csrfFault,
  DEFAULT_PLACES,
  type Kind,
  locateToken,
  type ParsedBody,
  type PlaceRules,
  type SentRequest,
} from '../reference/place-rules.js'
import { contentOf } from '../reference/signing.js'
import { Site } from './site.js'

/** What is asked for, with which token, and whether its CSRF value is due whatever the method is. */
interface Action {
  readonly path: string
  readonly kind: Kind
  readonly asked?: boolean
  readonly changes?: boolean
}

const ACTIONS: readonly Action[] = [
  { path: '/app/page', kind: 'access' },
  { path: '/app/always', kind: 'access', asked: true },
  { path: '/app/never', kind: 'access', asked: false },
  { path: '/auth/refreshable', kind: 'refresh' },
  { path: '/auth/refresh', kind: 'refresh', asked: true, changes: true },
  { path: '/auth/logout', kind: 'access', asked: true, changes: true },
  { path: '/auth/logout', kind: 'refresh', asked: true, changes: true },
]

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']
const PARSED_METHODS = ['POST', 'PUT', 'PATCH']
const TOKEN_IN = ['headers', 'cookies', 'json', 'query', 'headers and cookies'] as const

/** The CSRF values in a request: `$` is the right one, `!` a wrong one, `?` that of another session. */
interface State {
  readonly name: string
  readonly header?: readonly string[]
  /** Under the name of the other type of token. */
  readonly otherHeader?: string
  readonly form?: string
  readonly fields?: Readonly<Record<string, unknown>>
  readonly multipart?: boolean
  readonly query?: string
  readonly cookie?: string
}

const FIELD = (value: unknown) => ({ csrf: value })

const STATES: readonly State[] = [
  { name: 'absent' },
  { name: 'empty', header: [''] },
  { name: 'wrong', header: ['!'] },
  { name: 'another session’s', header: ['?'] },
  { name: 'longer than right', header: ['$x'] },
  { name: 'right', header: ['$'] },
  { name: 'right, twice', header: ['$', '$'] },
  { name: 'right and wrong', header: ['$', '!'] },
  { name: 'right, in the header of the other type', otherHeader: '$' },
  { name: 'right, in a form', form: 'csrf=$', fields: FIELD('$') },
  { name: 'right, in a multipart form', form: '$', fields: FIELD('$'), multipart: true },
  { name: 'wrong, in a form', form: 'csrf=!', fields: FIELD('!') },
  { name: 'empty, in a form', form: 'csrf=', fields: FIELD('') },
  { name: 'right, twice in a form', form: 'csrf=$&csrf=$', fields: FIELD(['$', '$']) },
  { name: 'right in a form, wrong in the header', header: ['!'], form: 'csrf=$', fields: FIELD('$') },
  { name: 'wrong in a form, right in the header', header: ['$'], form: 'csrf=!', fields: FIELD('!') },
  { name: 'right in a form, empty in the header', header: [''], form: 'csrf=$', fields: FIELD('$') },
  { name: 'right, in the query', query: 'csrf=$&csrf_token=$' },
  { name: 'right, in a cookie', cookie: 'csrf_access_token=$; csrf_refresh_token=$' },
]

type Variant = Partial<PlaceRules>

const EVERYWHERE = ['headers', 'cookies', 'json', 'query'] as const
const COOKIES_FIRST = ['cookies', 'headers', 'json', 'query'] as const
const NAMES: readonly Variant[] = [
  { access: EVERYWHERE, refresh: EVERYWHERE },
  {
    access: COOKIES_FIRST,
    refresh: COOKIES_FIRST,
    accessCookieName: '__Host-a',
    refreshCookieName: 'r',
    accessCsrfHeaderName: 'X-A',
    refreshCsrfHeaderName: 'X-R',
    accessCsrfFieldName: 'a_field',
    refreshCsrfFieldName: 'r_field',
  },
]
const PROTECTION: readonly Variant[] = [true, false].flatMap(cookieCsrfProtect =>
  [true, false].flatMap(csrfCheckForm =>
    [undefined, ['GET', 'POST'], ['TRACE']].map(csrfMethods => ({
      cookieCsrfProtect,
      csrfCheckForm,
      csrfMethods,
    })),
  ),
)

/** The short pass takes one cell in so many. */
const STEP: Readonly<Record<Pass, number>> = { full: 1, short: 29 }

export async function csrfMatrix(pass: Pass): Promise<Outcome> {
  const broken = new Broken()
  const site = await Site.open()
  const seen = { count: 0, let: 0, turn: 0 }
  for (const names of NAMES) {
    for (const protection of PROTECTION) {
      const rules: PlaceRules = { ...DEFAULT_PLACES, ...names, ...protection }
      const name = `${names.access?.[0]} first, ${JSON.stringify(protection)}`
      const visitor = new Visitor(site, rules, name, broken)
      for (const cell of cells()) {
        if (seen.turn++ % STEP[pass] !== 0) continue
        seen.count++
        if (await visitor.try(cell)) seen.let++
      }
    }
  }
  site.close()
  const ways = `${NAMES.length * PROTECTION.length} configurations`
  return { count: seen.count, seen: `${ways}; ${seen.let} cells let the request in`, broken: broken.lines }
}

interface Cell {
  readonly action: Action
  readonly tokenIn: (typeof TOKEN_IN)[number]
  readonly method: string
  readonly state: State
}

/** A body cannot hold a token and a form too. */
function cells(): Cell[] {
  return ACTIONS.flatMap(action =>
    TOKEN_IN.flatMap(tokenIn =>
      METHODS.flatMap(method =>
        STATES.filter(({ form }) => tokenIn !== 'json' || form === undefined).map(state => ({
          action,
          tokenIn,
          method,
          state,
        })),
      ),
    ),
  )
}

/** Somebody who is logged in at a site of one configuration. */
class Visitor {
  readonly #site: Site
  readonly #rules: PlaceRules
  readonly #name: string
  readonly #broken: Broken
  #tokens: Readonly<Record<Kind, string>> | undefined
  #otherCsrf = ''

  constructor(site: Site, rules: PlaceRules, name: string, broken: Broken) {
    this.#site = site
    this.#name = name
    this.#rules = rules
    this.#broken = broken
    const { access, refresh, ...options } = rules
    site.restart({ ...options, tokenLocation: { access, refresh } })
  }

  /** @returns whether the request was let in. */
  async try(cell: Cell): Promise<boolean> {
    const { action, state, method, tokenIn } = cell
    this.#tokens ??= await this.#logIn()
    const { request, parsed } = this.#requestOf(cell, this.#tokens[action.kind])
    const due = this.#due(action, request, parsed, contentOf(this.#tokens[action.kind]).csrf)
    const { writes } = this.#site.store
    const answer = await this.#site.send(request)
    const isChanged = this.#site.store.writes > writes
    const passed = answer.status === 200 || answer.status === 204
    const said = passed ? 'in' : method === 'HEAD' ? String(answer.status) : errorOf(answer)
    const wanted = method === 'HEAD' && due !== 'in' ? STATUS[due] : due
    const where = () => `${this.#name}: ${method} ${action.path}, token in ${tokenIn}, ${state.name}`
    this.#broken.unless(said === wanted, () => `${where()}: is ${said || answer.status}, and should be ${wanted}`)
    const shouldChange = passed && action.changes === true
    this.#broken.unless(isChanged === shouldChange, () => `${where()}: the store was ${isChanged ? '' : 'not '}written`)
    const sets = answer.headers.some(([name]) => name.toLowerCase() === 'set-cookie')
    // A link holds a token in the query: it ends its session and touches no cookie.
    const shouldSet = shouldChange && !(action.path === '/auth/logout' && tokenIn === 'query')
    this.#broken.unless(sets === shouldSet, () => `${where()}: cookies were ${sets ? '' : 'not '}set`)
    if (isChanged) this.#tokens = undefined
    return passed
  }

  async #logIn(): Promise<Record<Kind, string>> {
    const other = await this.#site.authx.createTokenPair('ada')
    this.#otherCsrf = String(contentOf(other.access_token).csrf)
    const { access_token: access, refresh_token: refresh } = await this.#site.authx.createTokenPair('ada')
    return { access, refresh }
  }

  #due({ kind, asked, path }: Action, request: SentRequest, parsed: ParsedBody, claim: unknown): Due {
    // A logout looks for both types, and says of the first that it has found why it is none.
    const kinds: readonly Kind[] = path === '/auth/logout' ? ['access', 'refresh'] : [kind]
    const besideCookies = { [kind]: this.#rules[kind].filter(place => place !== 'cookies') }
    const isVouchedFor = typeof locateToken(request, parsed, kind, { ...this.#rules, ...besideCookies }) === 'object'
    if (kinds.length > 1 && isVouchedFor) return 'in'
    const verdicts = kinds.map((each): Due | undefined => {
      const located = locateToken(request, parsed, each, this.#rules)
      if (typeof located === 'string') return undefined
      if (each !== kind) return WRONG_TYPE[each]
      const csrf = located.place === 'cookies' && csrfFault(request, parsed, kind, claim, this.#rules, asked)
      return csrf || 'in'
    })
    return verdicts.find(each => each === 'in') ?? verdicts.find(each => each !== undefined) ?? 'MissingTokenError'
  }

  #requestOf({ action, tokenIn, method, state }: Cell, token: string): { request: SentRequest; parsed: ParsedBody } {
    const { kind, path } = action
    const fill = (text: string) => this.#filled(text, token)
    const field = kind === 'access' ? this.#rules.accessCsrfFieldName : this.#rules.refreshCsrfFieldName
    const query = [...(tokenIn === 'query' ? [`token=${token}`] : []), ...(state.query ? [fill(state.query)] : [])]
    const { body, type } = bodyOf(tokenIn === 'json' ? kind : undefined, state, token, field, fill)
    const lines = [
      ...(tokenIn.includes('headers') ? [`Authorization: Bearer ${token}`] : []),
      ...this.#cookies(kind, tokenIn.includes('cookies') ? token : undefined, state.cookie && fill(state.cookie)),
      ...this.#csrfLines(kind, state).map(fill),
      ...(type ? [`Content-Type: ${type}`] : []),
    ]
    const request: SentRequest = {
      method,
      target: path + (query.length > 0 ? `?${query.join('&')}` : ''),
      lines,
      ...(body && { body }),
    }
    if (!body || !PARSED_METHODS.includes(method)) return { request, parsed: {} }
    if (tokenIn === 'json') return { request, parsed: { json: JSON.parse(String(body)) } }
    const value = JSON.parse(fill(JSON.stringify(state.fields?.csrf))) as unknown
    return { request, parsed: { form: { [field]: value } } }
  }

  #csrfLines(kind: Kind, { header = [], otherHeader }: State): string[] {
    const { accessCsrfHeaderName: access, refreshCsrfHeaderName: refresh } = this.#rules
    const [own, other] = kind === 'access' ? [access, refresh] : [refresh, access]
    return [
      ...header.map(value => `${own}: ${value}`),
      ...(otherHeader === undefined ? [] : [`${other}: ${otherHeader}`]),
    ]
  }

  #cookies(kind: Kind, token: string | undefined, more: string | undefined): string[] {
    const name = kind === 'access' ? this.#rules.accessCookieName : this.#rules.refreshCookieName
    const pairs = [...(token ? [`${name}=${token}`] : []), ...(more ? [more] : [])]
    return pairs.length > 0 ? [`Cookie: ${pairs.join('; ')}`] : []
  }

  #filled(text: string, token: string): string {
    const right = String(contentOf(token).csrf)
    return text.replaceAll(/[$!?]/g, mark =>
      mark === '$' ? right : mark === '?' ? this.#otherCsrf : right.replaceAll(/./g, 'x'),
    )
  }
}

type Due = keyof typeof STATUS
const STATUS = {
  in: '200',
  MissingTokenError: '401',
  AccessTokenRequiredError: '401',
  RefreshTokenRequiredError: '401',
  MissingCSRFTokenError: '403',
  CSRFError: '403',
} as const

const WRONG_TYPE = { access: 'AccessTokenRequiredError', refresh: 'RefreshTokenRequiredError' } as const

function bodyOf(
  json: Kind | undefined,
  { form, multipart }: State,
  token: string,
  field: string,
  fill: (text: string) => string,
): { body?: Buffer; type?: string } {
  if (json) return { body: Buffer.from(JSON.stringify({ [`${json}_token`]: token })), type: 'application/json' }
  if (form === undefined) return {}
  if (!multipart)
    return { body: Buffer.from(fill(form.replaceAll('csrf=', `${field}=`))), type: 'application/x-www-form-urlencoded' }
  const part = `--X\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${fill(form)}\r\n--X--\r\n`
  return { body: Buffer.from(part), type: 'multipart/form-data; boundary=X' }
}
