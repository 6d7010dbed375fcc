import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { hasCurl, linkPackages, Program, pathWithStandIn, root, runLines } from '../examples/programs.js'
import { freePort } from './free-port.js'
import { temporaryFolder } from './temporary.js'

const run = promisify(execFile)

/** A block of code in a page. What a program prints stands in a block without a language. */
export interface Block {
  readonly language: string
  readonly code: string
}

/** A server in a page, the lines of shell that call it, and what they print. */
export interface Served {
  readonly server: Block
  readonly lines: readonly string[]
  readonly printed: string
}

/** The text of a page, by its path from the root of the repository. */
export const readPage = (file: string) => readFileSync(join(root, file), 'utf8')

export function blocksOf(page: string): Block[] {
  const found = page.matchAll(/^```(\w*)\n(.*?)^```$/gms)
  return [...found].map(([, language = '', code = '']) => ({ language, code }))
}

/** The programs of a page, each with the block after it: what it prints. */
export function printing(blocks: readonly Block[]): [program: Block, printed: string][] {
  return blocks.flatMap((block, n) => {
    const next = blocks[n + 1]
    return block.language === 'ts' && block.code.includes('console.log(') && next?.language === ''
      ? [[block, next.code]]
      : []
  })
}

/** The servers of a page: what listens on port 8000, with the two blocks after it. */
export function servers(blocks: readonly Block[]): Served[] {
  return blocks.flatMap((server, n) => {
    const [shell, output] = blocks.slice(n + 1)
    if (!server.code.includes('.listen(8000') || shell?.language !== 'sh' || output?.language !== '') return []
    return [{ server, lines: shell.code.trim().split('\n'), printed: output.code }]
  })
}

/** What the lines print, with tokens as `eyJ...`, and what the server complains of. */
export interface Answers {
  readonly printed: string
  readonly complaints: string
}

/** What comes of a server and its lines: by the real curl if there is one, and by ours. */
export async function answersOf(t: TestContext, { server, lines }: Served): Promise<Answers[]> {
  const answers: Answers[] = []
  const standIn = pathWithStandIn(await projectFor(t))
  for (const path of (await hasCurl()) ? [undefined, standIn] : [standIn]) {
    const port = await freePort()
    const folder = await projectFor(t)
    const file = server.language === 'ts' ? 'app.mts' : 'app.mjs'
    writeFileSync(join(folder, file), server.code.replace('.listen(8000', `.listen(${port}`))
    const program = new Program(`./${file}`, folder)
    t.after(() => program.end())
    await program.until(() => fetch(`http://localhost:${port}/`))
    const here = lines.map(line => line.replaceAll(':8000/', `:${port}/`))
    const printed = await runLines(here, folder, path)
    answers.push({
      printed: printed.join('').replaceAll(/"eyJ[\w.-]{100,}"/g, '"eyJ..."'),
      complaints: program.stderr,
    })
  }
  return answers
}

/** A folder in which `koa-authx` and the packages that are installed here are found. */
export async function projectFor(t: TestContext): Promise<string> {
  const { folder, remove } = await temporaryFolder()
  t.after(remove)
  linkPackages(folder)
  return folder
}

const TEXTS = 'secretKey userSecret adminSecret token newSecret oldSecret newPem oldPem publicPem sid'.split(' ')

/** What the text around a block speaks of, declared unless the block itself does. */
const SURROUNDINGS: Record<string, string> = {
  ...Object.fromEntries(
    ['AuthX', 'AuthManager', 'PolicyEngine', 'rateLimited', 'networkOf'].map(name => [
      name,
      `import { ${name} } from 'koa-authx'`,
    ]),
  ),
  User: 'interface User { name: string; role: string; password: string }',
  MyTokenStore: "declare class MyTokenStore extends (await import('koa-authx/stores/memory')).MemoryTokenStore {}",
  backend: `declare const backend: {
    pause(): Promise<void>
    resume(): Promise<void>
    expiryOf(name: string): Promise<Date | undefined>
  }`,
  app: "declare const app: import('koa')",
  cors: "declare const cors: (options: object) => import('koa').Middleware",
  ...Object.fromEntries(
    ['router', 'parent', 'admin'].map(name => [name, `declare const ${name}: import('@koa/router').default`]),
  ),
  authx: "declare const authx: import('koa-authx').AuthX",
  store: "declare const store: import('koa-authx').TokenStore",
  ctx: "declare const ctx: import('koa').Context",
  deleteAccount: "declare const deleteAccount: import('koa').Middleware",
  users: 'declare const users: Map<string, User>',
  documents: 'declare const documents: Map<string, { owner: string; archived: boolean }>',
  engine: "declare const engine: import('koa-authx').PolicyEngine",
  manager: "declare const manager: import('koa-authx').AuthManager<Record<'user' | 'admin', AuthX>>",
  suspended: 'declare const suspended: Set<string>',
  scopesOf: 'declare const scopesOf: Record<string, string[]>',
  mayActFor: 'declare const mayActFor: (actor: string, sub: string) => boolean',
  log: 'declare const log: (line: string) => void',
  authRouter: "import { authRouter } from 'koa-authx/router'",
  auth: "declare const auth: import('@koa/router').default",
  login: "declare const login: import('koa-authx/router').Login",
  findUser: 'declare const findUser: (name: unknown, password: unknown) => Promise<User | undefined>',
  RateLimiterMemory: "import { RateLimiterMemory } from 'rate-limiter-flexible'",
  koaBody: "import { koaBody } from 'koa-body'",
  checkPassword: "declare const checkPassword: (ctx: Pick<import('koa').Context, 'request' | 'throw'>) => string",
  server: "declare const server: import('node:http').Server",
  sockets: "declare const sockets: import('ws').WebSocketServer",
  client: "declare const client: import('ws').WebSocket",
  payload: "declare const payload: import('koa-authx').TokenPayload",
  refuseUpgrade: "import { refuseUpgrade } from 'koa-authx'",
  nameOf: "declare const nameOf: (ctx: Pick<import('koa').Context, 'request'>) => string",
  ...Object.fromEntries(TEXTS.map(name => [name, `declare const ${name}: string`])),
}

function withSurroundings(code: string): string {
  const declares = (name: string) =>
    new RegExp(
      `\\b(const|class|interface) ${name}\\b|^const [[{][^=]*\\b${name}\\b|import (type )?\\{[^}]*\\b${name}\\b|import ${name} from`,
      'm',
    ).test(code)
  const declared = Object.keys(SURROUNDINGS).filter(name => !declares(name))
  return [...declared.map(name => SURROUNDINGS[name]), code, 'export {}'].join('\n')
}

/**
 * What the compiler says about the blocks of pages, the TypeScript strictly, the JavaScript as scripts of a browser. Each
 * line begins with the page and the number of the block: `docs-errors.md-0.mts`.
 */
export async function complaintsAbout(
  t: TestContext,
  pages: ReadonlyMap<string, readonly Block[]>,
  more: object = {},
): Promise<string> {
  const folder = await projectFor(t)
  for (const [page, blocks] of pages) {
    for (const [n, { language, code }] of blocks.entries()) {
      const file = join(folder, `${page.replaceAll('/', '-')}-${n}`)
      if (language === 'ts') writeFileSync(`${file}.mts`, withSurroundings(code))
      // Each is a script by itself, and none sees what another declares.
      if (language === 'js') writeFileSync(`${file}.mjs`, `${code}\nexport {}`)
    }
  }
  const browser = { ...more, allowJs: true, checkJs: true, noImplicitAny: false, lib: ['ES2023', 'DOM'] }
  return (await complaints(folder, ['*.mts'], more)) + (await complaints(folder, ['*.mjs'], browser))
}

/** What the compiler says about files of `folder`, under the options of this project or of another `config` in it. */
export async function complaints(
  folder: string,
  include: string[],
  more: object = {},
  config = 'tsconfig.json',
): Promise<string> {
  const compilerOptions = { noEmit: true, noUnusedLocals: false, noUnusedParameters: false, ...more }
  const project = { extends: join(root, config), compilerOptions, include }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project))
  const compiled = run(join(root, 'node_modules/.bin/tsc'), ['-p', folder])
  return compiled.then(
    () => '',
    ({ stdout, stderr, message }) => stdout || stderr || message,
  )
}
