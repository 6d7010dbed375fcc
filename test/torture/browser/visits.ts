import { Broken, type Outcome, type Pass } from '../case.js'
import type { CookieRules } from './cookie-rules.js'
import { cookieConfigurations, optionsOf } from './cookies-matrix.js'
import { Site } from './site.js'
import { Tab } from './tab.js'

/** The short pass takes one configuration in so many. */
const STEP: Readonly<Record<Pass, number>> = { full: 1, short: 11 }

/** Both tokens in cookies, and the CSRF values where scripts of any page find them. */
export function browserConfigurations(): CookieRules[] {
  return cookieConfigurations()
    .filter(({ access, refresh }) => [access, refresh].every(places => places.join() === 'cookies'))
    .filter(
      ({ accessCsrfCookiePath, refreshCsrfCookiePath }) =>
        accessCsrfCookiePath === '/' && refreshCsrfCookiePath === '/',
    )
}

export async function visits(pass: Pass): Promise<Outcome> {
  const broken = new Broken()
  const site = await Site.open()
  const chosen = browserConfigurations().filter((_, n) => n % STEP[pass] === 0)
  let count = 0
  for (const rules of chosen) count += await visitOnce(site, rules, broken)
  site.close()
  return { count, seen: `${chosen.length} configurations`, broken: broken.lines }
}

/** Log in, look around, refresh, look around, log out, and be out: by cookies alone. */
const STEPS = [
  ['POST', '/auth/login', 'access', 200],
  ['GET', '/app/page', 'access', 200],
  ['POST', '/app/page', 'access', 200],
  ['POST', '/auth/refresh', 'refresh', 200],
  ['POST', '/app/page', 'access', 200],
  ['DELETE', '/app/always', 'access', 200],
  ['POST', '/auth/logout', 'refresh', 204],
  ['GET', '/app/page', 'access', 401],
  ['POST', '/auth/refresh', 'refresh', 401],
] as const

async function visitOnce(site: Site, rules: CookieRules, broken: Broken): Promise<number> {
  site.restart(optionsOf(rules))
  const tab = new Tab(site, rules)
  const where = () => `with ${JSON.stringify(rules)}`
  for (const [method, path, kind, due] of STEPS) {
    const { status } = await tab.fetch(method, path, kind)
    broken.unless(status === due, () => `${method} ${path} ${where()}: ${status}, and should be ${due}`)
  }
  broken.unless(tab.jar.size === 0, () => `${tab.jar.size} cookies are left ${where()}`)
  return STEPS.length
}
