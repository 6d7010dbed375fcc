import type { AuthXOptions } from '../../../src/index.js'
import { openShared, type SharedBackend } from '../../support/store-kinds.js'
import type { Broken } from '../case.js'
import { contentOf } from '../reference/signing.js'
import { Machine } from './machine.js'
import { type Ask, Model, type Settings, type Told, tokensIn } from './model.js'

/** No answer is late for the sake of these cases: what happens then is tried elsewhere. */
const PATIENCE = 20_000

const PATHS: Readonly<Record<Ask['what'], readonly [method: string, path: string]>> = {
  login: ['POST', '/login/'],
  single: ['POST', '/single/'],
  everywhere: ['POST', '/revoke-all/'],
  guard: ['GET', '/protected'],
  refreshable: ['GET', '/refreshable'],
  refresh: ['POST', '/refresh'],
  logout: ['POST', '/logout'],
}

/** Servers with clocks of their own on one store, and a client that remembers what it was told. */
export class Group {
  count = 0
  passed = 0
  readonly machines: readonly Machine[]
  readonly #broken: Broken
  #settings: Settings = { leeway: 0, grace: 10, recovery: 0, accessLife: 900, refreshLife: 3600, sessionLife: 86_400 }
  #model = new Model(this.#settings)
  #name = ''
  #log: string[] = []

  private constructor(machines: readonly Machine[], broken: Broken) {
    this.machines = machines
    this.#broken = broken
  }

  static async open(backend: SharedBackend, count: number, broken: Broken): Promise<Group> {
    const stores = Array.from({ length: count }, () => openShared(backend, { timeout: PATIENCE }))
    return new Group(await Promise.all(stores.map(store => Machine.open(store))), broken)
  }

  get model(): Model {
    return this.#model
  }

  get settings(): Settings {
    return this.#settings
  }

  /** New options, and nothing known. `name`: how to find this part of the run again. */
  begin(name: string, settings: Settings, time: () => number): void {
    this.#name = name
    this.#settings = settings
    this.#model = new Model(settings)
    this.#log = []
    const options: AuthXOptions = {
      decodeLeeway: settings.leeway,
      refreshGracePeriod: settings.grace,
      refreshRecovery: settings.recovery,
      accessTokenExpires: settings.accessLife,
      refreshTokenExpires: settings.refreshLife,
      sessionExpires: settings.sessionLife,
      storeTimeout: PATIENCE,
    }
    for (const machine of this.machines) machine.restart(options, time)
  }

  /** Ask one server. @returns the tokens that it gave. */
  async ask(machine: Machine, ask: Ask): Promise<string[]> {
    return this.askAll([[machine, ask]])
  }

  /** Ask several at the same moment. */
  async askAll(asks: readonly (readonly [Machine, Ask])[]): Promise<string[]> {
    const told = await Promise.all(asks.map(([machine, ask]) => this.#tell(machine, ask)))
    for (const each of told) {
      this.#log.push(this.#line(each))
      this.#keepPromises(each)
    }
    this.count += told.length
    this.passed += told.filter(({ answer }) => answer.status < 300).length
    const fault = this.#model.take(told)
    if (fault) this.#fail(fault)
    return told.flatMap(({ answer }) => (answer.status === 200 ? tokensOf(answer) : []))
  }

  async close(): Promise<void> {
    await Promise.all(this.machines.map(machine => machine.close()))
  }

  async #tell(machine: Machine, ask: Ask): Promise<Told> {
    const [method, path] = PATHS[ask.what]
    const isName = path.endsWith('/')
    const now = machine.now()
    const answer = await machine.send(method, isName ? path + ask.about : path, isName ? undefined : ask.about)
    return { ...ask, now, answer }
  }

  /** What holds whatever else is the case: nothing is taken past its end. */
  #keepPromises({ what, about, now, answer }: Told): void {
    if (answer.status !== 200 || !['guard', 'refreshable', 'refresh'].includes(what)) return
    const { exp, iat, sid } = contentOf(about)
    const second = now / 1000
    if (second >= Number(exp) + this.#settings.leeway) this.#fail(`${what} took a token past its end`)
    if (Number(iat) > second + Math.max(60, this.#settings.leeway)) this.#fail(`${what} took a token of the future`)
    const session = this.#model.sessionOf(about)
    if (sid !== undefined && session && now >= session.expiresAt) this.#fail(`${what} took a token past its session`)
  }

  #line({ what, about, now, answer }: Told): string {
    const { gen, exp } = about.includes('.') ? contentOf(about) : {}
    const token = gen === undefined ? (exp === undefined ? about : 'access') : `generation ${gen}`
    return `${what} ${token} at ${now}: ${answer.status}`
  }

  #fail(fault: string): void {
    this.#broken.add(
      `${this.#name}, ${JSON.stringify(this.#settings)}: ${fault}; last: ${this.#log.slice(-12).join(', ')}`,
    )
  }
}

const tokensOf = (answer: Told['answer']) =>
  Object.values(tokensIn(answer)).filter(value => typeof value === 'string' && value.includes('.')) as string[]
