import { findOnPath, installPackage, isExecutable } from '../../support/debian.js'

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The browser that the tests run: `CHROMIUM` if it is set, else Chromium or Chrome from the PATH. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env.CHROMIUM
  if (!named) return findOnPath(BROWSERS, env.PATH ?? '')
  const found = isExecutable(named) ? named : findOnPath([named], env.PATH ?? '')
  if (!found) throw new Error(`CHROMIUM names no program: ${named}`)
  return found
}

/** Installs Debian's chromium where that is allowed; throws an error of one line that says what to do where not. */
export function installChromium(): string {
  installPackage('chromium', HOW_TO_INSTALL)
  const installed = findChromium()
  if (!installed) throw new Error(HOW_TO_INSTALL)
  return installed
}

const HOW_TO_INSTALL =
  'The end-to-end tests need Chromium or Chrome: install chromium (Debian: apt-get install chromium), or name one in CHROMIUM.'
