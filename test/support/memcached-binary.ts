import { findProgram, installProgram, type Program } from './debian.js'

const SERVER: Program = {
  variable: 'MEMCACHED',
  names: ['memcached'],
  package: 'memcached',
  howToInstall:
    'The tests need memcached: install it (Debian: apt-get install memcached; macOS: brew install memcached), or name the program in MEMCACHED.',
}

/** The program that the tests run: `MEMCACHED` if it is set, else memcached from the PATH. */
export const findMemcached = (): string | undefined => findProgram(SERVER)

export const installMemcached = (): string => installProgram(SERVER)
