import { findProgram, installProgram, type Program } from '../../support/debian.js'

const BROWSER: Program = {
  variable: 'FIREFOX',
  names: ['firefox-esr', 'firefox'],
  package: 'firefox-esr',
  howToInstall:
    'The end-to-end tests need Firefox: install firefox-esr (Debian: apt-get install firefox-esr), or name one in FIREFOX.',
}

/** The Firefox that the tests run: `FIREFOX` if it is set, else the one on the PATH. */
export const findFirefox = (): string | undefined => findProgram(BROWSER)

export const installFirefox = (): string => installProgram(BROWSER)
