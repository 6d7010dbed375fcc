import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { root } from '../examples/programs.js'

/** Phrases that readers have to translate, each with its plain form. Case does not matter, line breaks count as spaces. */
const PHRASES: Readonly<Record<string, string>> = {
  'in earnest': 'in production',
  'came to nothing': 'failed',
  'comes to nothing': 'fails',
  'come to nothing': 'fail',
  'in vain': 'without effect, or: timed out',
  'to no avail': 'without effect',
  'good is what': 'valid is',
  'a good token': 'a valid token',
  'good again': 'valid again',
  'what came of': 'the result of',
  'what comes of': 'the result of',
  'what has come of': 'the result of',
  whoever: 'anyone who',
  whomever: 'anyone',
  'as nobody': 'unauthenticated',
  "nobody's": 'unauthenticated, or: of no user',
  'is anybody': 'can impersonate every user',
  'for ever': 'without limit, or: never ends',
  'on end': 'without a pause, or: in a row',
  'that is not empty': 'non-empty, as in: a non-empty list',
  'no such option of': 'unknown option',
  'none without': 'if there is no ...',
  'tells of': 'reports',
  'told of': 'reported',
  'hears of': 'is notified of',
  'heard of': 'was notified of',
  anew: 'again, or: new',
  lest: 'so that ... not',
  'come what may': 'in every case',
}

/** How a doc comment must not begin: it is read alone, in an editor, where the line before it is not shown. */
const BEGINS = /^(?:the same|same as|as above|see above|as before|likewise|ditto|that|these|those|such)\b/i

/** Words in a doc comment that refer to another comment. */
const REFERS = /\bof (?:that|these|those) (?:cookies?|tokens?|headers?|options?)\b|\bthe same for\b/i

/** `text` with every match of `pattern` blank, so that line numbers stay right. */
const without = (text: string, pattern: RegExp) => text.replaceAll(pattern, found => found.replaceAll(/[^\n]/g, ' '))

/** The texts that are checked, by path. Names of tests are not: docs link to them. */
const texts = new Map([
  ...['src', 'stores', 'client'].flatMap(folder => filesOf(folder, '.ts')),
  ...filesOf('docs', '.md', { recursive: false }),
  ...['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md'].map(readPath),
])

function filesOf(folder: string, extension: string, { recursive = true } = {}): [path: string, text: string][] {
  const names = readdirSync(join(root, folder), { recursive, encoding: 'utf8' })
  const chosen = names.filter(name => name.endsWith(extension) && !name.includes('node_modules'))
  return chosen.sort().map(name => readPath(`${folder}/${name}`))
}

function readPath(path: string): [path: string, text: string] {
  const text = readFileSync(join(root, path), 'utf8')
  const withoutTests = without(text, /\[[^\]]*\]\([^)]*\btest\/[^)]*\.ts\)/g)
  // A run of the torture programme writes the tables of docs/torture.md from the names of its cases.
  return [path, path === 'docs/torture.md' ? without(withoutTests, /^\|.*$/gm) : withoutTests]
}

/** The phrases in `text`, each with the line on which it begins and its plain form. */
function phrasesIn(text: string): string[] {
  return Object.entries(PHRASES).flatMap(([phrase, plain]) => {
    // Between two words of a comment there may be a line break and a `*` or `//`.
    const words = phrase.replaceAll(' ', String.raw`\s+(?:(?:\*|//)\s+)?`)
    const found = text.matchAll(new RegExp(String.raw`(?<![\w-])${words}(?![\w-])`, 'gi'))
    return [...found].map(({ index }) => `${lineOf(text, index)}: "${phrase}"; write: ${plain}`)
  })
}

/** The doc comments in `text` that cannot be read alone, each with its first line. */
function unclearCommentsIn(text: string): string[] {
  return [...text.matchAll(/\/\*\*\s(.*?)\*\//gs)].flatMap(({ 1: comment = '', index }) => {
    const words = comment
      .replaceAll(/(?:^|\n)\s*\*(?=\s)/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim()
    const unclear = BEGINS.exec(words) ?? REFERS.exec(words)
    return unclear ? [`${lineOf(text, index)}: a doc comment says "${unclear[0]}"; name the thing: ${words}`] : []
  })
}

const lineOf = (text: string, index: number) => text.slice(0, index).split('\n').length

function everywhere(complaintsAbout: (text: string) => string[], extension = ''): string[] {
  const checked = [...texts].filter(([path]) => path.endsWith(extension))
  return checked.flatMap(([path, text]) => complaintsAbout(text).map(complaint => `${path}:${complaint}`))
}

/** Fails with all complaints at once: a comparison would print only the first of a long list. */
const noneOf = (complaints: readonly string[]) => assert.ok(complaints.length === 0, `\n${complaints.join('\n')}\n`)

describe('the words of sources and docs', () => {
  test('include no phrase that has a plain form', () => {
    assert.ok(texts.size > 100)
    noneOf(everywhere(phrasesIn))
  })

  test('make doc comments that can be read alone', () => {
    noneOf(everywhere(unclearCommentsIn, '.ts'))
  })
})

describe('the check of phrases', () => {
  test('finds a phrase over a line break of a comment, and names its line', () => {
    assert.deepEqual(phrasesIn('/**\n * The call came to\n * nothing. For\n// ever.\n */'), [
      '2: "came to nothing"; write: failed',
      '3: "for ever"; write: without limit, or: never ends',
    ])
  })

  test('leaves plain words alone', () => {
    for (const words of [
      'for every token',
      'renew it',
      'depends on endpoints',
      'front-end on end-to-end',
      'the latest',
    ])
      assert.deepEqual(phrasesIn(words), [], words)
  })
})

describe('the check of doc comments', () => {
  const unclear = [
    '/** The same for the refresh token. */',
    '/**\n   * Those that no guard protects. */',
    "/** `Path` of that cookie. Default `'/'`. */",
    '/** Such a token is refused. */',
  ]
  for (const comment of unclear)
    test(`finds ${JSON.stringify(comment)}`, () => {
      assert.equal(unclearCommentsIn(comment).length, 1)
    })

  test('leaves plain comments and code alone', () => {
    const plain = [
      '/** Sets the cookie of the refresh token. */',
      '/** Resolves to the same object each time. */',
      '/** Checks that those sessions end. */',
      '/** Thatched. */',
      "const files = 'src/**/*.ts' // The same\n/* These */",
    ]
    for (const text of plain) assert.deepEqual(unclearCommentsIn(text), [], text)
  })
})
