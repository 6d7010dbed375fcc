/**
 * Runs the end-to-end tests in real browsers: `npm run test:e2e`, or `npm run test:e2e -- test/e2e/csrf.e2e.ts` for some.
 * The browsers, Redis and openssl that they need are looked for here, and installed where that is allowed.
 */
import { findOnPath, installPackage } from '../support/debian.js'
import { findRedisServer, installRedisServer } from '../support/redis-binary.js'
import { exitWith, filesEndingIn, interruption, runFiles } from '../support/run-files.js'
import { findChromium, installChromium } from './support/chromium-binary.js'
import { findFirefox, installFirefox } from './support/firefox-binary.js'

/** Each file has a browser of its own, which is busy on both of two processors for a part of the time only. */
const FILES_AT_ONCE = 2

exitWith(main(process.argv.slice(2)))

async function main(named: readonly string[]): Promise<number> {
  const files = named.length > 0 ? named : filesEndingIn('.e2e.ts', 'test/e2e')
  const env = {
    CHROMIUM: findChromium() ?? installChromium(),
    FIREFOX: findFirefox() ?? installFirefox(),
    REDIS_SERVER: findRedisServer() ?? installRedisServer(),
  }
  if (!findOnPath(['openssl'])) installPackage('openssl', 'The tests need openssl (Debian: apt-get install openssl).')
  return runFiles(files, FILES_AT_ONCE, env, interruption())
}
