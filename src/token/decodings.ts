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
  const letters = [squeezed, ...runs, ...fromDump(text)]
  return [...letters.flatMap(fromLetters), ...fromEscapes(text), ...fromNumbers(text), ...fromLatin1(text)]
}

function fromLetters(letters: string): Buffer[] {
  const hex = letters.replace(/<buffer|(?<![\da-f])0x|[x:,;._|<>{}()[\]-]/gi, '')
  const isHex = hex.length >= SHORTEST_RUN && hex.length % 2 === 0 && /^[0-9a-f]+$/i.test(hex)
  const isBase64 = letters.length >= SHORTEST_RUN && /^[\w+/-]+=*$/.test(letters)
  return [...(isHex ? [Buffer.from(hex, 'hex')] : []), ...(isBase64 ? [Buffer.from(letters, 'base64')] : [])]
}

/** A line of a dump, as xxd, hexdump and od write it: the offset, then up to 16 bytes in hexadecimal. */
const DUMPED = /^[ \t]*[\da-f]{4,8}:?[ \t]+((?:[\da-f]{2}(?:[\da-f]{2})?(?:[ \t]{1,2}|$)){1,16})/gim

/** Returns the hexadecimal digits of a dump, without the offsets. */
function fromDump(text: string): string[] {
  const lines = [...text.matchAll(DUMPED)].map(([, digits = '']) => digits.replace(/\s/g, ''))
  return lines.length > 1 ? [lines.join('')] : []
}

/** Escaped characters of URLs, JSON, source code and HTML: in hexadecimal, in decimal, in octal, or a quotation mark. */
const ESCAPE =
  /(?:(?:%|\\+x|[%\\]+u00)(?=[\da-f]{2})|\\+u\{0*|&#x0*)([\da-f]{1,2})[};]?|&#0*(\d{1,3});?|\\+([0-3][0-7]{2})|&quot;/gi

function fromEscapes(text: string): Buffer[] {
  const read = text.replace(ESCAPE, (_, hex?: string, decimal?: string, octal?: string) => {
    if (hex) return String.fromCharCode(Number.parseInt(hex, 16))
    if (octal) return String.fromCharCode(Number.parseInt(octal, 8))
    return decimal ? String.fromCharCode(Number(decimal)) : '"'
  })
  return read === text ? [] : [Buffer.from(read)]
}

/** The position of a byte, as JSON writes a `Uint8Array`: `{"0":48,"1":130}`. */
const POSITION = /["']?\b\d+["']?\s*:\s*/g

/**
 * Decodes lists of at least 32 bytes in decimal numbers, as JSON, YAML and `String(bytes)` write them. Java writes bytes
 * from 128 as negative numbers.
 */
function fromNumbers(text: string): Buffer[] {
  const lists = text.replace(POSITION, '').match(/(?<![\w.])-?\d{1,3}(?:[\s,;]+(?:- )?-?\d{1,3}){31,}/g) ?? []
  return lists.map(list => Buffer.from((list.match(/-?\d+/g) ?? []).map(Number)))
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
