/**
 * Changes that a wrong store could make to texts before it compares them: a conversion, a collation, a parser, a
 * clean-up. The cases test that the store makes none of them.
 */
const changes: readonly ((text: string) => string)[] = [
  text => text.toLowerCase(),
  text => text.toUpperCase(),
  text => text.normalize('NFC'),
  text => text.normalize('NFD'),
  text => text.normalize('NFKC'),
  text => text.normalize('NFKD'),
  text => text.normalize('NFD').replace(/\p{M}/gu, ''),
  text => text.replace(/\p{M}/gu, ''),
  text => text.trim(),
  text => text.trimStart(),
  text => text.trimEnd(),
  text => `${text} `,
  text => `${text}\0`,
  text => text.replace(/\s+/g, ' '),
  text => text.replace(/[\t\u00a0]/g, ' '),
  text => text.replace(/\r\n?/g, '\n'),
  text => text.replace(/\n/g, '\r\n'),
  text => text.replaceAll('\0', ''),
  text => text.split('\0')[0] as string,
  text => text.replace(/[^\P{Cc}\s]/gu, ''),
  text => text.replace(/\p{Cf}/gu, ''),
  text => text.replace(/[\p{P}\p{S}]/gu, ''),
  text => text.replace(/[-_.]/g, ''),
  text => text.replace(/\\(.)/g, '$1'),
  text => text.replace(/^"(.*)"$/s, '$1'),
  text => text.replaceAll('&amp;', '&').replaceAll('&lt;', '<'),
  text => text.replaceAll('+', ' '),
  text => text.replace(/=+$/, ''),
  text => text.replaceAll('-', '+').replaceAll('_', '/'),
  text => text.replace(/^0+(?=\d)/, ''),
  text => attempt(() => decodeURIComponent(text), text),
  text => attempt(() => JSON.stringify(JSON.parse(text)), text),
  text => attempt(() => JSON.stringify(sorted(JSON.parse(text))), text),
  text => attempt(() => String(JSON.parse(text)), text),
  text => (text.trim() && !Number.isNaN(Number(text)) ? String(Number(text)) : text),
  text => (/^\d{4}-/.test(text) ? new Date(text).toUTCString() : text),
  text => Buffer.from(text, 'latin1').toString('latin1'),
  text => Buffer.from(text, 'ascii').toString('ascii'),
  text => text.replace(/[\u{10000}-\u{10ffff}]/gu, '\ufffd'),
  text => text.replace(/[\u{10000}-\u{10ffff}]/gu, low16),
  text => text.replace(/[\u0080-\u{10ffff}]/gu, '?'),
  text => text.replace(/[\uff01-\uff5e]/g, character => shifted(character, -0xfee0)),
  text => text.replace(/[\u30a1-\u30f6]/g, character => shifted(character, -0x60)),
  text => text.replaceAll('\u03c2', '\u03c3'),
  text => [...text].reverse().join(''),
  text => text.slice(0, -1),
]

const found = new Map<string, readonly string[]>()

/** Texts that differ from `text`, but that a store may confuse with it. The texts for each `text` are made once. */
export function similarTo(text: string): readonly string[] {
  const others = found.get(text) ?? [...new Set(changes.map(change => change(text)))].filter(other => other !== text)
  // Keep the results for the first 500 texts: values, which occur again and again, and some random keys.
  if (found.size < 500) found.set(text, others)
  return others
}

/**
 * Returns characters that a collation or a clean-up may ignore: control characters, spaces, characters without a width,
 * punctuation, combining characters, and characters without a meaning. Of kinds with many characters, it returns some.
 */
export function ignorableCharacters(): readonly string[] {
  ignorable ??= makeIgnorable()
  return ignorable
}

let ignorable: readonly string[] | undefined

function makeIgnorable(): string[] {
  const all = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code))
  const invisible = all.filter(each => /[\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}]/u.test(each))
  const punctuation = all.slice(0, 0x80).filter(each => /[\p{P}\p{S}]/u.test(each))
  const some = ['\u0301', '\u0308', '\u0327', '\u20dd', '\u3099', '\ue000', '\uf8ff', '\ufdd0', '\uffff', '\u0378']
  const beyond = [
    '\u{1d165}',
    '\u{1f3fd}',
    '\u{1f600}',
    '\u{e0001}',
    '\u{e0061}',
    '\u{e0100}',
    '\u{f0000}',
    '\u{10ffff}',
  ]
  return [...invisible, ...punctuation, ...some, ...beyond]
}

function attempt(work: () => string, otherwise: string): string {
  try {
    return work()
  } catch {
    return otherwise
  }
}

/** Returns the value with the names of each object sorted, as databases with a JSON type store it. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]))
}

function shifted(character: string, by: number): string {
  return String.fromCharCode(character.charCodeAt(0) + by)
}

function low16(character: string): string {
  const low = (character.codePointAt(0) as number) & 0xffff
  return low >= 0xd800 && low <= 0xdfff ? '' : String.fromCharCode(low)
}
