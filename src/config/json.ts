import { types } from 'node:util'

/** Deeper than anybody means; JSON.stringify would end in a stack overflow, and a cycle never ends. */
const DEEPEST = 100

/**
 * What is written into a token or a store is what a caller sees in the object, and no more: a class instance hides more
 * than it shows (a document of a database its password hash), and `toJSON` puts something else in its place.
 * @param path names the value in the message, which never holds a value: `data`.
 * @throws TypeError unless `value` is a plain object of JSON values. Members that are `undefined` are left out, as in JSON.
 */
export function checkJsonObject(value: unknown, path: string): asserts value is Record<string, unknown> {
  if (!isPlainObject(value)) throw new TypeError(`${path} must be a plain object of JSON values`)
  checkMembers(value, path, DEEPEST)
}

/** @throws TypeError */
function checkJson(value: unknown, path: string, depth: number): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'number' && Number.isFinite(value)) return
  if (depth === 0) throw new TypeError(`${path} is nested too deeply, or refers to itself; make it flatter`)
  if (!isDisguised(value) && Array.isArray(value)) checkItems(value, path, depth)
  else if (isPlainObject(value)) checkMembers(value, path, depth)
  else {
    throw new TypeError(
      `${path} must be a JSON value: a string, a finite number, true, false, null, a list or a plain object; it is ${kindOf(value)}, convert it before`,
    )
  }
}

function checkItems(list: readonly unknown[], path: string, depth: number): void {
  if ('toJSON' in list)
    throw new TypeError(`${path} has a toJSON, which puts something else in its place; copy the list`)
  if (!Array.isArray(Object.getPrototypeOf(list))) throw new TypeError(`${path} must be a plain list; copy it`)
  for (let n = 0; n < list.length; n++) {
    const item = Object.getOwnPropertyDescriptor(list, n)
    if (!item || item.get) throw new TypeError(`${path}[${n}] has no value of its own; give one`)
    checkJson(item.value, `${path}[${n}]`, depth - 1)
  }
}

function checkMembers(object: object, path: string, depth: number): void {
  const members = Object.getOwnPropertyDescriptors(object)
  for (const key of Reflect.ownKeys(members)) {
    const { enumerable, get, value } = members[key as string] as PropertyDescriptor
    const member = `${path}.${String(key)}`
    if (typeof key === 'symbol') throw new TypeError(`${member} has a symbol for its name, which JSON leaves out`)
    if (get) throw new TypeError(`${member} is computed by a getter; give its value`)
    if (enumerable && value !== undefined) checkJson(value, member, depth - 1)
  }
}

/** Of any realm: test runners and `vm` have an Object of their own. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || isDisguised(value) || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return false
  return typeof (value as { toJSON?: unknown }).toJSON !== 'function'
}

/** Another prototype makes no other object of it, and a proxy answers differently each time. */
function isDisguised(value: unknown): boolean {
  const { isBoxedPrimitive, isDate, isMap, isNativeError, isPromise, isProxy, isRegExp, isSet } = types
  return [isProxy, isBoxedPrimitive, isDate, isMap, isSet, isRegExp, isNativeError, isPromise].some(is => is(value))
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object') return typeof value === 'number' ? 'not finite' : `of type ${typeof value}`
  return 'an object of a class, or has a toJSON'
}
