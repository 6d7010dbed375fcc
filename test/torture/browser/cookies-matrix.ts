import { isDeepStrictEqual } from 'node:util'
import type { AuthXOptions } from '../../../src/index.js'
import { Broken, type Outcome, type Pass } from '../case.js'
import type { Kind } from '../reference/place-rules.js'
import type { RawAnswer } from '../reference/raw-client.js'
import { contentOf } from '../reference/signing.js'
import { type CookieLine, type CookieRules, clearedCookies, cookiesFor, membersOf, parsedLine } from './cookie-rules.js'
import { NOW, Site } from './site.js'

const NAMES = [
  ['access_token_cookie', '/', 'refresh_token_cookie', '/', 'csrf_access_token', '/', 'csrf_refresh_token', '/'],
  ['a', '/', 'r', '/auth', 'ca', '/', 'cr', '/'],
  ['__Secure-a', '/app', '__Secure-r', '/auth/refresh', 'x!#$%', '/a b', "'*+.^_`|~", '/app/deeper'],
] as const

const PLACES = [
  { access: ['cookies'], refresh: ['cookies'] },
  { access: ['headers'], refresh: ['cookies'] },
  { access: ['headers', 'cookies'], refresh: ['cookies', 'json'] },
  { access: ['cookies', 'query'], refresh: ['headers'] },
] as const

const BOTH = [true, false]

/** Every combination of the options that shape cookies, but for those that are refused at construction. */
export function cookieConfigurations(): CookieRules[] {
  const flags = product({ cookieHttpOnly: BOTH, sessionCookie: BOTH, cookieCsrfProtect: BOTH, csrfInCookies: BOTH })
  const shapes = product({
    cookieSamesite: ['lax', 'strict', 'none'] as const,
    cookieSecure: BOTH,
    cookieDomain: [undefined, 'example.com'],
    cookieMaxAge: [undefined, 3600],
  })
  const all = flags.flatMap(flag =>
    shapes.flatMap(shape =>
      PLACES.flatMap(places => NAMES.map(names => ({ ...flag, ...shape, ...places, ...named(names) }))),
    ),
  )
  return all.filter(isSound).map(withoutUndefined)
}

function named([a, ap, r, rp, ca, cap, cr, crp]: (typeof NAMES)[number]) {
  return {
    accessCookieName: a,
    accessCookiePath: ap,
    refreshCookieName: r,
    refreshCookiePath: rp,
    accessCsrfCookieName: ca,
    accessCsrfCookiePath: cap,
    refreshCsrfCookieName: cr,
    refreshCsrfCookiePath: crp,
  }
}

/** What a browser would drop is a mistake of configuration. */
function isSound({
  cookieSamesite,
  cookieSecure,
  accessCookieName,
}: {
  cookieSamesite: string
  cookieSecure: boolean
  accessCookieName: string
}) {
  return cookieSecure || (cookieSamesite !== 'none' && !accessCookieName.startsWith('__'))
}

const withoutUndefined = (rules: object) =>
  Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined)) as unknown as CookieRules

/** One object for each way of choosing a value for every name. */
function product<T extends Record<string, readonly unknown[]>>(lists: T): { [Name in keyof T]: T[Name][number] }[] {
  const rows = Object.entries(lists).reduce<Record<string, unknown>[]>(
    (rows, [name, values]) => rows.flatMap(row => values.map(value => ({ ...row, [name]: value }))),
    [{}],
  )
  return rows as { [Name in keyof T]: T[Name][number] }[]
}

/** The short pass takes one configuration in so many. */
const STEP: Readonly<Record<Pass, number>> = { full: 1, short: 37 }

export async function cookiesMatrix(pass: Pass): Promise<Outcome> {
  const broken = new Broken()
  const site = await Site.open()
  const chosen = cookieConfigurations().filter((_, n) => n % STEP[pass] === 0)
  let count = 0
  for (const rules of chosen) {
    count += await new Round(site, rules, broken).run()
  }
  site.close()
  return { count, seen: `${chosen.length} configurations`, broken: broken.lines }
}

export function optionsOf({ access, refresh, ...options }: CookieRules): AuthXOptions {
  return { ...options, tokenLocation: { access, refresh } }
}

/** A login, a refresh, its replay, a logout, and a refresh token that is used too late. */
class Round {
  #count = 0
  readonly #site: Site
  readonly #rules: CookieRules
  readonly #broken: Broken

  constructor(site: Site, rules: CookieRules, broken: Broken) {
    this.#site = site
    this.#rules = rules
    this.#broken = broken
    site.restart({ ...optionsOf(rules), refreshGracePeriod: 60 })
  }

  async run(): Promise<number> {
    const login = await this.#post('/auth/login')
    const first = this.#tokensOf(login)
    this.#check('login', login, cookiesFor(first, this.#rules, NOW / 1000))
    const refresh = await this.#post('/auth/refresh', { refresh: first.refresh })
    const second = this.#tokensOf(refresh)
    this.#check('refresh', refresh, cookiesFor(second, this.#rules, NOW / 1000))
    const replay = await this.#post('/auth/refresh', { refresh: first.refresh })
    const third = this.#tokensOf(replay)
    this.#check('replay', replay, cookiesFor(third, this.#rules, NOW / 1000))
    this.#broken.unless(third.refresh === second.refresh, () => `${this.#where('replay')}: gave another refresh token`)
    const logout = await this.#post('/auth/logout', third)
    this.#checkLines('logout', logout, clearedCookies(this.#rules))
    await this.#reuse()
    return this.#count
  }

  /** Without a grace period, a token that is used up ends the session, and the cookies with it if it came in one. */
  async #reuse(): Promise<void> {
    this.#site.restart({ ...optionsOf(this.#rules), refreshGracePeriod: 0 })
    const first = this.#tokensOf(await this.#post('/auth/login'))
    await this.#post('/auth/refresh', first)
    const reuse = await this.#post('/auth/refresh', first)
    this.#broken.unless(reuse.status === 401, () => `${this.#where('reuse')}: was answered with ${reuse.status}`)
    const cameIn = this.#rules.refresh.find(place => place === 'cookies' || place === 'headers')
    this.#checkLines('reuse', reuse, cameIn === 'cookies' ? clearedCookies(this.#rules) : [])
  }

  #post(target: string, tokens: Partial<Record<Kind, string>> = {}): Promise<RawAnswer> {
    const { accessCookieName: access, refreshCookieName: refresh } = this.#rules
    const found = Object.entries(tokens)
    const cookies = found.map(([kind, token]) => `${kind === 'access' ? access : refresh}=${token}`).join('; ')
    const csrf = found.map(([, token]) => contentOf(token).csrf)[0]
    const own = tokens[target === '/auth/refresh' ? 'refresh' : 'access']
    return this.#site.send({
      method: 'POST',
      target,
      lines: [
        ...(cookies === '' ? [] : [`Cookie: ${cookies}`, `X-CSRF-TOKEN: ${csrf}`]),
        ...(own === undefined ? [] : [`Authorization: Bearer ${own}`]),
      ],
      body: Buffer.alloc(0),
    })
  }

  /** From cookies and body, wherever they are. */
  #tokensOf(answer: RawAnswer): Record<Kind, string> {
    const lines = linesOf(answer)
    const body = JSON.parse(answer.body) as Record<string, string>
    const inCookie = (name: string) => lines.find(line => line.name === name && line.value !== '')?.value
    const { accessCookieName, refreshCookieName } = this.#rules
    return {
      access: body.access_token ?? inCookie(accessCookieName) ?? '..',
      refresh: body.refresh_token ?? inCookie(refreshCookieName) ?? '..',
    }
  }

  #check(flow: string, answer: RawAnswer, lines: readonly CookieLine[]): void {
    this.#checkLines(flow, answer, lines)
    const members = Object.keys(JSON.parse(answer.body) as object).sort()
    const due = membersOf(this.#rules)
    this.#broken.unless(
      isDeepStrictEqual(members, due),
      () => `${this.#where(flow)}: the body has ${members}, and should have ${due}`,
    )
    const stored = answer.headers.find(([name]) => name.toLowerCase() === 'cache-control')?.[1]
    this.#broken.unless(stored === 'no-store', () => `${this.#where(flow)}: caches may keep the answer`)
  }

  #checkLines(flow: string, answer: RawAnswer, due: readonly CookieLine[]): void {
    this.#count++
    const key = ({ name, attributes }: CookieLine) => `${name} ${attributes.domain}`
    const sorted = (lines: readonly CookieLine[]) => [...lines].sort((a, b) => (key(a) < key(b) ? -1 : 1))
    const [is, should] = [sorted(linesOf(answer)), sorted(due)]
    const shown = () => `${this.#where(flow)}: ${JSON.stringify(is)}, and should be ${JSON.stringify(should)}`
    this.#broken.unless(isDeepStrictEqual(is, should), shown)
  }

  #where(flow: string): string {
    return `${flow} with ${JSON.stringify(this.#rules)}`
  }
}

export const linesOf = ({ headers }: RawAnswer): CookieLine[] =>
  headers.filter(([name]) => name.toLowerCase() === 'set-cookie').map(([, value]) => parsedLine(value))
