import nodeModule from 'node:module'
import { isAbsolute } from 'node:path'

/**
 * Loads an optional package at once. A bundler does not include it: it has to be installed where the program runs.
 *
 * Node begins to look where this code is. A bundle as CommonJS has no `import.meta.url`, and webpack puts that of the
 * machine where the bundle was made into it. Then the file of the bundle, or of the program, is the place. webpack also
 * replaces `createRequire` if it is imported by its name, and answers `typeof __filename` itself.
 *
 * @throws Error if the package is not found, or cannot be loaded.
 */
export function requirePackage(name: string): unknown {
  let failure: unknown
  for (const place of [fileInCommonJs(), import.meta.url, process.argv[1]].filter(isPlace)) {
    try {
      return nodeModule.createRequire(place)(name)
    } catch (error) {
      failure ??= error
      if (!isNotFound(error, name)) throw error
    }
  }
  throw failure ?? new Error(`no place to look for ${name}`)
}

function fileInCommonJs(): string | undefined {
  try {
    return __filename
  } catch {
    // An ES module.
    return undefined
  }
}

/** In `node --eval`, `__filename` is no path. */
function isPlace(place: string | undefined): place is string {
  return place !== undefined && (isAbsolute(place) || place.startsWith('file:'))
}

/** Whether the package itself is missing, and not one that it needs. */
function isNotFound(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return code === 'MODULE_NOT_FOUND' && String(message).includes(`'${name}'`)
}
