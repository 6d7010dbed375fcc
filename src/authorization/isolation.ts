import type { Config } from '../config/table.js'

/** The options that decide about the cookies of one login type. */
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
 * Where the cookies of two login types have one name: the later login would overwrite, and either logout clear, what
 * belongs to the other. One sentence a collision; names of paths do not help, since a browser sends both to the longer.
 */
export function cookieCollisions(types: ReadonlyMap<string, CookieOptions>): string[] {
  const taken = new Map<string, { loginType: string; option: string }>()
  const problems: string[] = []
  for (const [loginType, options] of types) {
    for (const option of cookieNamesInUse(options)) {
      const first = taken.get(options[option])
      if (first && first.loginType !== loginType) {
        problems.push(
          `${option} of login type ${loginType} is ${first.option} of login type ${first.loginType}; change one of them`,
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
