import { types } from 'node:util'

/**
 * Maximum nesting. Without a limit, JSON.stringify overflows the stack, and the check of a cyclic object never ends.
 */
const DEEPEST = 100

/**
 * Check that `value` is a plain object of JSON values. Class instances are rejected, because they may contain hidden
 * members: a database document has its password hash, for example. Objects with `toJSON` are rejected, because JSON
 * would contain the result of `toJSON` instead. Members that are `undefined` are allowed; JSON omits them.
 * @param path the name of the value in error messages, such as `data`. The messages never contain values.
 * @throws TypeError
 */
export function checkJsonObject(value: unknown, path: string): asserts value is Record<string, unknown> {
  if (!isPlainObject(value)) throw new TypeError(`${path} must be a plain object of JSON values`)
  checkMembers(value, path, DEEPEST)
}

/** Check a value inside an object. `depth`: how many more levels the value may have. @throws TypeError */
function checkJson(value: unknown, path: string, depth: number): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'number' && Number.isFinite(value)) return
  if (depth === 0) throw new TypeError(`${path} is nested too deeply or refers to itself; make it flatter`)
  if (!isDisguised(value) && Array.isArray(value)) checkItems(value, path, depth)
  else if (isPlainObject(value)) checkMembers(value, path, depth)
  else {
    throw new TypeError(
      `${path} must be a JSON value: a string, a finite number, true, false, null, a list or a plain object; it is ${kindOf(value)}; convert it first`,
    )
  }
}

function checkItems(list: readonly unknown[], path: string, depth: number): void {
  if ('toJSON' in list)
    throw new TypeError(`${path} has a method toJSON, which replaces it in JSON; copy the array with Array.from`)
  if (!Array.isArray(Object.getPrototypeOf(list)))
    throw new TypeError(`${path} must be a plain array; copy it with Array.from`)
  for (let n = 0; n < list.length; n++) {
    const item = Object.getOwnPropertyDescriptor(list, n)
    if (!item || item.get) throw new TypeError(`${path}[${n}] is empty or a getter; set a value`)
    checkJson(item.value, `${path}[${n}]`, depth - 1)
  }
}

function checkMembers(object: object, path: string, depth: number): void {
  const members = Object.getOwnPropertyDescriptors(object)
  for (const key of Reflect.ownKeys(members)) {
    const { enumerable, get, value } = members[key as string] as PropertyDescriptor
    const member = `${path}.${String(key)}`
    if (typeof key === 'symbol')
      throw new TypeError(`${member} has a symbol as its name, which JSON omits; use a string`)
    if (get) throw new TypeError(`${member} is a getter; pass its value`)
    if (enumerable && value !== undefined) checkJson(value, member, depth - 1)
  }
}

/** Accepts plain objects of every realm: test runners and `vm` have their own Object. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || isDisguised(value) || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return false
  return typeof (value as { toJSON?: unknown }).toJSON !== 'function'
}

/**
 * Whether an object only looks like a plain one. A Date or a Map with a changed prototype is still not a plain object.
 * A proxy can return a different value at each read.
 */
function isDisguised(value: unknown): boolean {
  const { isBoxedPrimitive, isDate, isMap, isNativeError, isPromise, isProxy, isRegExp, isSet } = types
  return [isProxy, isBoxedPrimitive, isDate, isMap, isSet, isRegExp, isNativeError, isPromise].some(is => is(value))
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object') return typeof value === 'number' ? 'not finite' : `of type ${typeof value}`
  return 'a class instance or has a method toJSON'
}
