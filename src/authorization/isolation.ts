import type { Config } from '../config/table.js'

/** The options that decide which cookies one login type uses. */
export type CookieOptions = Pick<
  Config,
  | 'tokenLocation'
  | 'accessCookieName'
  | 'refreshCookieName'
  | 'accessCsrfCookieName'
  | 'refreshCsrfCookieName'
  | 'cookieCsrfProtect'
  | 'csrfInCookies'
>

const NAMES = {
  access: ['accessCookieName', 'accessCsrfCookieName'],
  refresh: ['refreshCookieName', 'refreshCsrfCookieName'],
} as const

/**
 * Returns one sentence for each pair of cookies that have the same name, but belong to different login types. A login
 * would overwrite the other type's cookie, and a logout would clear it. Different paths do not help, because a browser
 * sends both cookies to the longer path.
 */
export function cookieCollisions(types: ReadonlyMap<string, CookieOptions>): string[] {
  const taken = new Map<string, { loginType: string; option: string }>()
  const problems: string[] = []
  for (const [loginType, options] of types) {
    for (const option of cookieNamesInUse(options)) {
      const first = taken.get(options[option])
      if (first && first.loginType !== loginType) {
        problems.push(
          `${option} of login type ${loginType} equals ${first.option} of login type ${first.loginType}; change one of them`,
        )
      } else taken.set(options[option], { loginType, option })
    }
  }
  return problems
}

function cookieNamesInUse({ tokenLocation, cookieCsrfProtect, csrfInCookies }: CookieOptions) {
  const types = (['access', 'refresh'] as const).filter(type => tokenLocation[type].includes('cookies'))
  return types.flatMap(type =>
    NAMES[type].filter(name => !name.includes('Csrf') || (cookieCsrfProtect && csrfInCookies)),
  )
}
