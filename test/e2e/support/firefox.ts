/** Drives Firefox with WebDriver BiDi (https://w3c.github.io/webdriver-bidi), as much of it as the tests need. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, type TestContext } from 'node:test'
import WebSocket from 'ws'
import { temporaryFolder } from '../../support/temporary.js'
import { findFirefox } from './firefox-binary.js'
import { OPEN_DIALOG, type Tab, type Visitor } from './tab.js'

/** Third-party cookies are sent, pages are not moved to https, JSON is text, and nothing is fetched for Firefox itself. */
const PREFERENCES = {
  'network.cookie.cookieBehavior': 0,
  'dom.security.https_first': false,
  'devtools.jsonviewer.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'app.normandy.enabled': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'browser.safebrowsing.provider.google4.updateURL': '',
  'browser.shell.checkDefaultBrowser': false,
}

type Fields = Readonly<Record<string, unknown>>
interface Message {
  readonly id?: number
  readonly type: string
  readonly method?: string
  readonly params?: { readonly context?: string }
  readonly result?: Fields
  readonly message?: string
}

let started: Promise<Firefox> | undefined

after(async () => (await started)?.close())

/** A visitor with a container of its own for cookies. `hosts` are looked up as localhost. Any certificate will do. */
export async function newFirefoxVisitor(t: TestContext, hosts: readonly string[]): Promise<Visitor> {
  started ??= Firefox.start(hosts)
  const firefox = await started
  const { userContext } = await firefox.send('browser.createUserContext', {})
  t.after(() => firefox.send('browser.removeUserContext', { userContext }))
  return visitorWith(firefox, { userContext })
}

/** A visitor in private windows, with a Firefox of its own. */
export async function newPrivateFirefoxVisitor(t: TestContext, hosts: readonly string[]): Promise<Visitor> {
  const firefox = await Firefox.start(hosts, { 'browser.privatebrowsing.autostart': true })
  t.after(() => firefox.close())
  return visitorWith(firefox, {})
}

const visitorWith = (firefox: Firefox, place: Fields): Visitor => ({
  async newTab(url, script) {
    const { context } = await firefox.send('browsingContext.create', { type: 'tab', ...place })
    const preload = { functionDeclaration: `() => { ${script} }`, contexts: [context] }
    if (script) await firefox.send('script.addPreloadScript', preload)
    const tab = new FirefoxTab(firefox, String(context))
    await tab.goto(url)
    return tab
  },
  async cookies() {
    const answer = await firefox.send('storage.getCookies', { partition: { type: 'storageKey', ...place } })
    const { cookies } = answer as { cookies: readonly { name: string; value: { value: string } }[] }
    return Object.fromEntries(cookies.map(({ name, value }) => [name, value.value]))
  },
})

class FirefoxTab implements Tab {
  constructor(
    private readonly firefox: Firefox,
    private readonly context: string,
  ) {}

  goto(url: string): Promise<unknown> {
    return this.firefox.send('browsingContext.navigate', { context: this.context, url, wait: 'complete' })
  }

  reload(): Promise<unknown> {
    return this.firefox.send('browsingContext.reload', { context: this.context, wait: 'complete' })
  }

  async evaluate<A, R>(run: (argument: A) => R | Promise<R>, argument?: A): Promise<R> {
    const answer = await this.firefox.send('script.callFunction', {
      functionDeclaration: `async argument => JSON.stringify([await (${run})(...JSON.parse(argument))])`,
      arguments: [{ type: 'string', value: JSON.stringify([argument]) }],
      awaitPromise: true,
      target: { context: this.context },
    })
    const { result, exceptionDetails } = answer as { result?: { value: string }; exceptionDetails?: { text: string } }
    if (!result) throw new Error(`In the page: ${exceptionDetails?.text}`)
    return JSON.parse(result.value)[0]
  }

  async frame(): Promise<Tab> {
    const answer = await this.firefox.send('browsingContext.getTree', { root: this.context })
    const { contexts } = answer as { contexts: readonly { children: readonly { context: string }[] }[] }
    const child = contexts[0]?.children[0]
    if (!child) throw new Error('The page has no frame')
    return new FirefoxTab(this.firefox, child.context)
  }

  async follow<A>(run: (argument: A) => void, argument: A): Promise<void> {
    await Promise.all([this.firefox.next('browsingContext.load', this.context), this.evaluate(run, argument)])
  }

  async stop(how: 'dialog' | 'breakpoint'): Promise<() => Promise<void>> {
    if (how !== 'dialog') throw new Error(`WebDriver BiDi has no ${how}`)
    const { context } = this
    const target = { context }
    const opened = this.firefox.next('browsingContext.userPromptOpened', context)
    await this.firefox.send('script.evaluate', { expression: OPEN_DIALOG, awaitPromise: false, target })
    await opened
    return async () => void (await this.firefox.send('browsingContext.handleUserPrompt', { context, accept: true }))
  }

  back(): Promise<unknown> {
    return this.firefox.send('browsingContext.traverseHistory', { context: this.context, delta: -1 })
  }

  close(): Promise<unknown> {
    return this.firefox.send('browsingContext.close', { context: this.context })
  }
}

class Firefox {
  readonly #waiting = new Map<number, { resolve: (result: Fields) => void; reject: (error: Error) => void }>()
  /** What waits for the next event of a type, by type and tab. */
  readonly #next = new Map<string, () => void>()
  #lastId = 0

  private constructor(
    private readonly process: ChildProcess,
    private readonly socket: WebSocket,
    private readonly removeProfile: () => Promise<void>,
  ) {
    socket.on('message', data => this.#receive(JSON.parse(String(data))))
    socket.on('close', () => this.#failAll())
  }

  static async start(hosts: readonly string[], more: Fields = {}): Promise<Firefox> {
    const path = findFirefox()
    if (!path) throw new Error('No Firefox on the PATH; run npm run test:e2e, or name one in FIREFOX')
    const { folder, remove } = await temporaryFolder()
    const preferences = Object.entries({ ...PREFERENCES, ...more, 'network.dns.localDomains': hosts.join(',') })
    const lines = preferences.map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
    await writeFile(join(folder, 'user.js'), lines.join(''))
    const flags = ['--headless', '--no-remote', '--profile', folder, '--remote-debugging-port=0']
    const process = spawn(path, flags, { stdio: ['ignore', 'ignore', 'pipe'] })
    const socket = new WebSocket(`${await addressOf(process)}/session`, { perMessageDeflate: false })
    await once(socket, 'open')
    const firefox = new Firefox(process, socket, remove)
    const alwaysMatch = { acceptInsecureCerts: true, unhandledPromptBehavior: { confirm: 'ignore' } }
    await firefox.send('session.new', { capabilities: { alwaysMatch } })
    await firefox.send('session.subscribe', { events: ['browsingContext.load', 'browsingContext.userPromptOpened'] })
    return firefox
  }

  send(method: string, params: Fields): Promise<Fields> {
    const id = ++this.#lastId
    this.socket.send(JSON.stringify({ id, method, params }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  /** Resolves at the next event of the type in a tab. */
  next(type: string, context: string): Promise<void> {
    return new Promise(resolve => this.#next.set(`${type} ${context}`, resolve))
  }

  async close(): Promise<void> {
    const exited = once(this.process, 'exit')
    // The answer may be lost, because the connection is closed too.
    await this.send('browser.close', {}).catch(() => {})
    await exited
    await this.removeProfile()
  }

  #receive({ id, type, method, params, result, message }: Message): void {
    this.#next.get(`${method} ${params?.context}`)?.()
    if (id === undefined) return
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (type === 'success') waiting?.resolve(result ?? {})
    else waiting?.reject(new Error(`Firefox: ${message}`))
  }

  #failAll(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error('Firefox has closed the connection'))
    this.#waiting.clear()
  }
}

/** Resolves to the address that Firefox tells on its standard error output. */
async function addressOf({ stderr }: ChildProcess): Promise<string> {
  if (!stderr) throw new Error('Firefox has no standard error output')
  const lines = createInterface(stderr)
  for await (const line of lines) {
    const [, address] = /^WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? []
    if (!address) continue
    // What it writes later is read, so that it never waits for a reader.
    stderr.resume()
    return address
  }
  throw new Error('Firefox ended before it told its address')
}
