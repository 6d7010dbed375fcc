import { Broken, type Outcome, type Pass } from '../case.js'
import type { CookieRules } from './cookie-rules.js'
import { optionsOf } from './cookies-matrix.js'
import { Site } from './site.js'
import { HOST, Tab } from './tab.js'
import { browserConfigurations } from './visits.js'

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']
const SAFE = ['GET', 'HEAD', 'OPTIONS']

/** What is aimed at, and whether it may be looked at without a CSRF value. */
const TARGETS = [
  { path: '/app/page', isOpen: true },
  { path: '/app/always', isOpen: false },
  { path: '/auth/refreshable', isOpen: true },
  { path: '/auth/refresh', isOpen: false },
  { path: '/auth/logout', isOpen: false },
]

/** What a page of another site may put into a request; `own` is its own session's value there. */
const tries = (own: string): readonly (readonly [header: string | undefined, form: string | undefined])[] => [
  ...[undefined, '', 'x', own].map(header => [header, undefined] as const),
  ...['', 'csrf_token=', 'csrf_token=x', `csrf_token=${own}`].map(form => [undefined, form] as const),
]

/** The short pass takes one configuration in so many. */
const STEP: Readonly<Record<Pass, number>> = { full: 1, short: 11 }

/** Requests that pages of other sites make browsers send: none changes anything, whatever SameSite is. */
export async function attacks(pass: Pass): Promise<Outcome> {
  const broken = new Broken()
  const site = await Site.open()
  const seen = { count: 0, withCookies: 0 }
  const chosen = attackable().filter((_, n) => n % STEP[pass] === 0)
  for (const { rules, csrfCheckForm } of chosen) {
    site.restart({ ...optionsOf(rules), csrfCheckForm })
    const tab = new Tab(site, rules)
    await tab.fetch('POST', '/auth/login', 'access')
    const { access_token } = await site.authx.createTokenPair('mallory')
    const attacker = new Attacker(site, tab, rules, site.authx.getCsrfToken(access_token) ?? '')
    await attacker.strikeEverywhere(broken, seen)
  }
  site.close()
  const shown = `${chosen.length} configurations; with ${seen.withCookies} of the requests the browser sent its cookies`
  return { count: seen.count, seen: shown, broken: broken.lines }
}

/** What does not matter to a browser that is asked by another site is left as it is by default. */
function attackable(): { rules: CookieRules; csrfCheckForm: boolean }[] {
  return browserConfigurations()
    .filter(
      rules =>
        rules.cookieCsrfProtect && rules.sessionCookie && rules.cookieHttpOnly && rules.cookieMaxAge === undefined,
    )
    .flatMap(rules => [true, false].map(csrfCheckForm => ({ rules, csrfCheckForm })))
}

/** A page of another site in the browser of somebody who is logged in here. */
class Attacker {
  readonly #site: Site
  readonly #tab: Tab
  readonly #rules: CookieRules
  readonly #own: string

  constructor(site: Site, tab: Tab, rules: CookieRules, own: string) {
    this.#site = site
    this.#tab = tab
    this.#rules = rules
    this.#own = own
  }

  async strikeEverywhere(broken: Broken, seen: { count: number; withCookies: number }): Promise<void> {
    const before = this.#site.store.dump()
    for (const { path, isOpen } of TARGETS) {
      for (const method of METHODS) {
        for (const isTopLevel of [true, false]) {
          const visit = { host: HOST, path, method, isTopLevel, isCrossSite: true }
          const sends = this.#tab.jar.header(visit) !== undefined
          const passed = await this.#strike(visit)
          seen.count += passed.length
          if (sends) seen.withCookies += passed.length
          const mayPass = sends && isOpen && SAFE.includes(method)
          const where = () => `${method} ${path} with ${JSON.stringify(this.#rules)}`
          broken.unless(mayPass || !passed.includes(true), () => `${where()}: another site was let in`)
          broken.unless(this.#site.store.dump() === before, () => `${where()}: another site changed the store`)
        }
      }
    }
  }

  /** @returns of each try whether it was let in. */
  async #strike(visit: Parameters<Tab['strike']>[0]): Promise<boolean[]> {
    const passed = []
    for (const [header, form] of tries(this.#own)) {
      const lines = header === undefined ? [] : [`X-CSRF-TOKEN: ${header}`]
      const { status } = await this.#tab.strike(visit, lines, form)
      passed.push(status < 300)
    }
    return passed
  }
}
