/** Writes docs/options.md from src/config: `npm run docs`. A test regenerates the page and compares. */
import { readFileSync, writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { variableOf } from '../../src/config/environment.js'
import { OPTIONS } from '../../src/config/table.js'

export const OPTIONS_PAGE = 'docs/options.md'

/** The documentation of an option in src/config/options.ts. */
export interface Documented {
  readonly name: string
  /** The TypeScript type, without `readonly`. */
  readonly type: string
  /** The default in the doc comment, if there is one. */
  readonly said: string | undefined
  /** The doc comment without its default and without "Not in AuthX for Python". */
  readonly meaning: string
}

const INTRODUCTION = `# Options

<!-- Written by \`npm run docs\` from src/config/options.ts and src/config/table.ts: change those. -->

\`\`\`ts
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'

const env = {
  JWT_SECRET_KEY: 'for this page only, 32 bytes or more',
  JWT_ACCESS_TOKEN_EXPIRES: '600',
  JWT_TOKEN_LOCATION: 'headers, cookies',
}
const authx = AuthX.fromEnv({ store: new MemoryTokenStore(), accessTokenExpires: '5m' }, env)
console.log(authx.config.accessTokenExpires, authx.config.tokenLocation.access)

try {
  new AuthX({ secretKey: 'short', accessTokenExpires: 'soon', cookieSamesite: 'none', cookieSecure: false })
} catch (error) {
  console.log((error as Error).message)
}
\`\`\`

It prints:

\`\`\`
300 [ 'headers', 'cookies' ]
koa-authx is not configured correctly: 
  - accessTokenExpires must be a duration of 1 second or more: a number of seconds or a string such as '15m', '30d', 'PT15M'
  - cookieSamesite 'none' requires cookieSecure: true; otherwise browsers reject the cookies
  - secretKey is shorter than the 32 bytes that HS256 needs; make one with: openssl rand -hex 32
\`\`\`

These are the options of \`new AuthX(options)\`. Names and defaults are those of AuthX's \`JWT_*\` settings, in camelCase. \`AuthX.fromEnv(options?, env = process.env)\` reads these variables. Options without a variable are set in the code. A \`-\` means none.

Some options cannot be turned on or off on a running system without rejecting existing tokens: [Deploying](deploying.md#options-that-refuse-live-tokens) says which, and what to do.

\`authx.config\` has the current options of an instance: normalised, frozen, durations in seconds, without keys and store.

| type | in the code | in a variable |
|---|---|---|
| \`Duration\` | a number of seconds, or text: \`'900'\` (seconds), \`'15m'\`, \`'1h30m'\`, \`'30d'\`, \`'2w'\`, \`'PT15M'\` | the text |
| \`KeyInput\` | text, a Buffer, a KeyObject, a CryptoKey or a JWK; key pairs as PEM | the text; [the formats of keys](key-rotation.md#what-a-key-can-be) |
| \`Algorithm\` | \`'HS256'\`, \`'RS256'\`, \`'PS256'\` or \`'ES256'\`, or the same with 384 or 512 | the text |
| \`TokenLocation\` | \`'headers'\`, \`'cookies'\`, \`'json'\` or \`'query'\` | the text |
| \`boolean\` | \`true\` or \`false\` | \`true\`, \`1\`, \`yes\`, \`on\`; \`false\`, \`0\`, \`no\`, \`off\` |
| a list | an array | separated by commas, or JSON; previous keys: one, or a JSON list |

An empty variable counts as not set. Options in the code override variables. All mistakes are reported at once. The report contains the names of options, never values. An unknown \`JWT_*\` variable causes a process warning.
`

const HEADER = `
| option | variable | type | default | meaning |
|---|---|---|---|---|
`

/** The tables and the options that belong to each. An option is in the first table that claims it. */
const TABLES: readonly [heading: string, claims: (name: string) => boolean][] = [
  ['Not in AuthX', name => !specOf(name).environment],
  ['Implicit refresh', name => name.startsWith('implicitRefresh')],
  ['Session tracking', name => /^session(Tracking|Update)/.test(name)],
  ['CSRF', name => /csrf/i.test(name)],
  ['Cookies', name => /cookie/i.test(name)],
  ['Lifetimes and locations', name => /TokenExpires$|^tokenLocation|^header|JsonKey$|^jsonKey|^queryString/.test(name)],
  ['Keys and claims', () => true],
]

export function optionsPage(): string {
  const tables = new Map(TABLES.map(([heading]) => [heading, '']))
  for (const option of documentedOptions()) {
    const [heading = ''] = TABLES.find(([, claims]) => claims(option.name)) ?? []
    tables.set(heading, tables.get(heading) + rowOf(option))
  }
  // The special tables claim their options first, but come last on the page.
  const sections = [...tables].reverse().map(([heading, rows]) => `\n## ${heading}\n${HEADER}${rows}`)
  return INTRODUCTION + sections.join('')
}

function rowOf(option: Documented): string {
  const { environment } = specOf(option.name)
  const cells = [
    code(option.name),
    environment ? code(variableOf(option.name)) : '-',
    code(option.type),
    defaultOf(option),
    option.meaning,
  ]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
}

/** The sentence with the default in a doc comment: `Default 15 minutes.`, `Default: the host that set the cookies.` */
const DEFAULT = / ?Default:? (.*?)(?: \(AuthX: .*?\))?\.(?= |$)/

/** The options of the interface AuthXOptions, in its order. */
export function documentedOptions(): Documented[] {
  const source = readFileSync('src/config/options.ts', 'utf8')
  const [, members = ''] = source.split('export interface AuthXOptions {\n')
  const [body = ''] = members.split('\n}')
  return [...body.matchAll(/\/\*\*(.*?)\*\/\s+(\w+)\?:((?:[^\n]*)(?:\n {4}\|[^\n]*)*)/gs)].map(
    ([, comment = '', name = '', type = '']) => {
      const text = comment.replaceAll(/\s*\n\s*\* ?/g, ' ').trim()
      const said = DEFAULT.exec(text)?.[1]
      const meaning = text.replace(DEFAULT, '').replace(/ Not in (?:the options of )?AuthX for Python\.$/, '')
      return { name, type: shownType(type), said, meaning }
    },
  )
}

/** Omits `| undefined`, which every option has. */
const shownType = (type: string) =>
  type
    .replaceAll(/\s+/g, ' ')
    .replace(/^ (?:\| )?/, '')
    .replaceAll('readonly ', '')
    .replaceAll(' | undefined', '')
    .replace(/^\((.*)\)$/, '$1')

const specOf = (name: string) => OPTIONS[name as keyof typeof OPTIONS]

/** The default in the code. If the code has none, the default in the doc comment. */
function defaultOf({ name, type, said }: Documented): string {
  const { fallback } = specOf(name)
  const empty = fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)
  if (empty) return said === undefined || said === 'none' ? '-' : said
  if (typeof fallback === 'function') return code('Date.now')
  return code(type === 'Duration' ? `'${durationText(Number(fallback))}'` : literal(fallback))
}

/** Writes `{ access, refresh }` with equal lists as one list. */
function literal(value: unknown): string {
  const alike = isPair(value) && isDeepStrictEqual(value.access, value.refresh) ? value.access : value
  return JSON.stringify(alike).replaceAll('"', "'").replaceAll(',', ', ')
}

const isPair = (value: unknown): value is { access: unknown; refresh: unknown } =>
  typeof value === 'object' && value !== null && 'access' in value && 'refresh' in value

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
] as const

function durationText(seconds: number): string {
  const [unit, length] = UNITS.find(([, each]) => seconds > 0 && seconds % each === 0) ?? ['s', 1]
  return `${seconds / length}${unit}`
}

const code = (text: string) => `\`${text}\``

if (process.argv[1]?.endsWith('options-table.ts')) writeFileSync(OPTIONS_PAGE, optionsPage())
