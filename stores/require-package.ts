import { createRequire } from 'node:module'
import { isAbsolute } from 'node:path'

/**
 * Loads an optional package at once. A bundler does not include it: it has to be installed where the program runs.
 *
 * A bundle as CommonJS has no `import.meta.url`, and a bundle can have that of the machine where it was made. So in
 * CommonJS the file of the bundle is the place where Node begins to look. In `node --eval`, `__filename` is no path.
 */
export function requirePackage(name: string): unknown {
  const isCommonJs = typeof __filename === 'string' && isAbsolute(__filename)
  return createRequire(isCommonJs ? __filename : import.meta.url)(name)
}
