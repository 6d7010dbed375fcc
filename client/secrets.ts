import type { Cookies, Kind } from './cookies.js'
import { isSafe, type Secrets } from './http.js'
import type { Known } from './machine.js'
import type { Settings } from './options.js'

/** The headers that show the server who sends a request: several, if there are several CSRF values to try. */
export interface SecretsFor {
  /** For a request with the access token. */
  access(method: string, known: Known): readonly Secrets[]
  refresh(known: Known): readonly Secrets[]
  /** For a login or a logout: the server accepts the access token or the refresh token. */
  both(known: Known): readonly Secrets[]
}

export function secretsOf(settings: Settings, cookies: Cookies): SecretsFor {
  const { tokens: mode, headerName, headerType } = settings
  const csrf = (kind: Kind, { id, tokens }: Known): readonly Secrets[] => {
    // The value that the server has accepted comes first.
    const values = new Set([id, ...cookies.valuesOf(kind), ...cookies.valuesOf('refresh'), tokens.csrf_token])
    return [...values].flatMap(value => (value ? [{ [settings[`${kind}CsrfHeaderName`]]: value }] : []))
  }
  const bearer = (token: string | undefined): readonly Secrets[] =>
    token ? [{ [headerName]: `${headerType} ${token}`.trim() }] : []
  const access: SecretsFor['access'] = (method, known) => {
    if (mode !== 'cookies') return bearer(known.tokens.access_token)
    return isSafe(method) ? [] : csrf('access', known)
  }
  const refresh: SecretsFor['refresh'] = known =>
    mode === 'headers' ? bearer(known.tokens.refresh_token) : csrf('refresh', known)
  return {
    access,
    refresh,
    both(known) {
      // The CSRF value of each token in a cookie is needed.
      const others = mode === 'headers' ? [] : refresh(known)
      return [...access('POST', known).map(secrets => ({ ...others[0], ...secrets })), ...others]
    },
  }
}
