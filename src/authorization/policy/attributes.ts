/** Names of members that all objects share. A rule must not read them. */
const PROTOTYPE_PARTS = ['__proto__', 'prototype', 'constructor']

/** The parts of an attribute's name; `undefined` if it is none. */
export function attributePath(key: unknown): readonly string[] | undefined {
  const parts: unknown = typeof key === 'string' ? key.split('.') : key
  if (!Array.isArray(parts) || parts.length === 0) return undefined
  const sound = parts.every(part => typeof part === 'string' && part !== '' && !PROTOTYPE_PARTS.includes(part))
  return sound ? Object.freeze([...parts]) : undefined
}

/** The value at `path`: own properties only, so that nothing is found that nobody put there. `undefined` if it is missing. */
export function readAttribute(source: unknown, path: readonly string[]): unknown {
  let value = source
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}
