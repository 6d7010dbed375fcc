import { findProgram, installProgram, type Program } from '../../support/debian.js'

const BROWSER: Program = {
  variable: 'CHROMIUM',
  names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  package: 'chromium',
  howToInstall:
    'The end-to-end tests need Chromium or Chrome: install chromium (Debian: apt-get install chromium), or name one in CHROMIUM.',
}

/** The browser that the tests run: `CHROMIUM` if it is set, else Chromium or Chrome from the PATH. */
export const findChromium = (): string | undefined => findProgram(BROWSER)

export const installChromium = (): string => installProgram(BROWSER)
