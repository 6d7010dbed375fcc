/**
 * Loads an optional package at once. This takes the place of require-package.ts where this library itself has been made
 * CommonJS, as Jest does with a transform: `import.meta` is an error there.
 */
export = { requirePackage: (name: string): unknown => require(name) }
