/** Names that give access to the prototypes that all objects share. An attribute's path must not contain them. */
const PROTOTYPE_PARTS = ['__proto__', 'prototype', 'constructor']

/** Returns the parts of an attribute's name; `undefined` if `key` is not a valid name. */
export function attributePath(key: unknown): readonly string[] | undefined {
  const parts: unknown = typeof key === 'string' ? key.split('.') : key
  if (!Array.isArray(parts) || parts.length === 0) return undefined
  const sound = parts.every(part => typeof part === 'string' && part !== '' && !PROTOTYPE_PARTS.includes(part))
  return sound ? Object.freeze([...parts]) : undefined
}

/** Returns the value at `path`; `undefined` if it is missing. Reads own properties only, never inherited ones. */
export function readAttribute(source: unknown, path: readonly string[]): unknown {
  let value = source
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}
