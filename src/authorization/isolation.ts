import type { Config } from '../config/table.js'
import type { Issuer } from '../issuer.js'

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

/**
 * Returns one sentence for each pair of login types that accept the same tokens of an issuer: everyone who has a token
 * for one of them would also have one for the other. A function `claims` can refuse those of the other.
 */
export function issuerCollisions(types: readonly Pick<Config, 'loginType' | 'issuers'>[]): string[] {
  return types.flatMap(({ loginType, issuers }, index) => {
    const others = types.slice(0, index).filter(other => other.loginType !== loginType)
    return others.flatMap(other =>
      issuers
        .filter(issuer => other.issuers.some(each => acceptSameTokens(each, issuer)))
        .map(
          ({ issuer }) =>
            `issuers: the login types ${other.loginType} and ${loginType} accept the same tokens of ${issuer}; give each its own audience, or to one of them a function claims that returns undefined for tokens of the other`,
        ),
    )
  })
}

function acceptSameTokens(one: Issuer, other: Issuer): boolean {
  if (one.issuer !== other.issuer || one.claims || other.claims) return false
  if (one.audience === false || other.audience === false) {
    return one.audience === other.audience && haveCommon(one.clientId, other.clientId)
  }
  return haveCommon(one.audience, other.audience)
}

const haveCommon = (some: readonly string[], others: readonly string[]) => some.some(each => others.includes(each))
