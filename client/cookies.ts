import type { Settings } from './options.js'
import { attempt, bounded, page } from './page.js'

/** The tokens that have a CSRF value. */
export type Kind = 'access' | 'refresh'

/** The cookies that the page can read. */
export interface Cookies {
  /** Whether it takes time to read them. */
  readonly isSlow: boolean
  /**
   * Reads them. Returns a promise if the option `cookies` does.
   * @throws TypeError if the option `cookies` returns something else than a text.
   */
  read(): Promise<void> | undefined
  /** The CSRF values in them: there can be one for each path and domain. */
  valuesOf(kind: Kind): readonly string[]
}

/** `changed` is called when they were read. */
export function cookiesOf(settings: Settings, changed: () => void): Cookies {
  const { cookies, tokens } = settings
  let pairs: readonly string[] = []
  const take = (text: unknown) => {
    if (typeof text !== 'string') throw new TypeError("cookies must return a string like 'a=b; c=d'")
    pairs = text.split(/; */)
    changed()
  }
  const made = {
    isSlow: false,
    read() {
      if (tokens === 'headers') return undefined
      const text = cookies ? cookies() : (attempt(() => page.document?.cookie) ?? '')
      made.isSlow = typeof text !== 'string'
      return made.isSlow ? bounded(() => text, settings['timeouts.login']).then(take) : void take(text)
    },
    valuesOf(kind: Kind) {
      const start = `${settings[`${kind}CsrfCookieName`]}=`
      return pairs.flatMap(pair => {
        const value = pair.slice(start.length)
        return pair.startsWith(start) ? [attempt(() => decodeURIComponent(value)) ?? value] : []
      })
    },
  }
  return made
}
