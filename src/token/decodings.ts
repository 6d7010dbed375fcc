import { isObject } from '../config/values.js'

/** The minimum length of a run of letters, in characters. Shorter runs are words, because no key is that short. */
const SHORTEST_RUN = 32

/** White space, quotes and escapes that a shell, JSON or a configuration file can add to a text. */
const BLANKS = /(?:\\+[rnt])|[\s\0\u200b\ufeff"'`\\]/g

/** Removes white space, quotes, backslashes and escaped white space. */
export const squeeze = (text: string): string => text.replace(BLANKS, '')

/**
 * Returns the texts that bytes may encode: as UTF-8, and also as UTF-16 if there are NUL bytes. In UTF-16, each ASCII
 * character has one NUL byte.
 */
export function textsOf(bytes: Buffer): string[] {
  const text = bytes.toString('utf8')
  return bytes.includes(0) ? [text, bytes.toString('latin1').replaceAll('\0', '')] : [text]
}

/**
 * Returns the bytes that a text may encode: the results of all decodings that succeed, in the usual encodings of keys.
 */
export function decodingsOf(text: string): Buffer[] {
  const squeezed = squeeze(text)
  const runs = text.split(/[^\w+/-]+/).filter(run => run.length >= SHORTEST_RUN && run.length < squeezed.length)
  return [...[squeezed, ...runs].flatMap(fromLetters), ...fromEscapes(text), ...fromNumbers(text), ...fromLatin1(text)]
}

function fromLetters(letters: string): Buffer[] {
  const hex = letters.replace(/<buffer|(?<![\da-f])0x|[x:,;<>{}()[\]-]/gi, '')
  const isHex = hex.length >= SHORTEST_RUN && hex.length % 2 === 0 && /^[0-9a-f]+$/i.test(hex)
  const isBase64 = letters.length >= SHORTEST_RUN && /^[\w+/-]+=*$/.test(letters)
  return [...(isHex ? [Buffer.from(hex, 'hex')] : []), ...(isBase64 ? [Buffer.from(letters, 'base64')] : [])]
}

/** Escaped characters of URLs, JSON, source code and HTML. */
const ESCAPE = /(?:%|\\+u00|\\+x|&#x)([0-9a-f]{2});?/gi

function fromEscapes(text: string): Buffer[] {
  const read = text.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return read === text ? [] : [Buffer.from(read)]
}

/** Decodes lists of at least 32 bytes in decimal numbers, as JSON and `String(bytes)` write them. */
function fromNumbers(text: string): Buffer[] {
  const numbers = text.match(/(?<![\w.])\d{1,3}(?:[\s,]+\d{1,3}){31,}/g) ?? []
  return numbers.map(list => Buffer.from(list.split(/[\s,]+/).map(Number)))
}

/** Returns the bytes of a text that was decoded as Latin-1. */
const fromLatin1 = (text: string): Buffer[] =>
  /[\x80-\xff]/.test(text) && !/[^\0-\xff]/.test(text) ? [Buffer.from(text, 'latin1')] : []

/** Returns all objects and all strings in a JSON text, at any depth. Both lists are empty if the text is not JSON. */
export function insideJson(text: string): { objects: Record<string, unknown>[]; texts: string[] } {
  const found = { objects: [] as Record<string, unknown>[], texts: [] as string[] }
  const waiting = [parsed(text)]
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value === 'string') found.texts.push(value)
    if (isObject(value)) found.objects.push(value)
    if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) waiting.push(inner)
  }
  return found
}

function parsed(text: string): unknown {
  if (!/^[\s\ufeff]*[{["]/.test(text)) return undefined
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''))
  } catch {
    return undefined
  }
}
