import { createRequire } from 'node:module'

/**
 * Loads an optional package at once. A bundler does not include it: it has to be installed where the program runs.
 *
 * A bundle as CommonJS has no `import.meta.url`, and a bundle can have that of the machine where it was made. So in
 * CommonJS the file of the bundle is the place where Node begins to look.
 */
export function requirePackage(name: string): unknown {
  return createRequire(typeof __filename === 'string' ? __filename : import.meta.url)(name)
}
