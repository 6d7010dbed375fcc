import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenStore } from '../../src/store.js'
import { testTokenStore } from '../../src/testing/index.js'

interface Entry {
  value: string
  expires: number
}
type Backend = Map<string, Entry>

/** All that a store needs to be: an example for those who write their own. */
class PlainStore implements TokenStore {
  closed = false
  constructor(
    readonly backend: Backend,
    readonly prefix = '',
  ) {}

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    if (this.closed) throw new Error('closed')
    return keys.map(key => this.read(key))
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    if (this.closed) throw new Error('closed')
    if (this.read(key) !== expected) return false
    this.backend.set(this.prefix + key, { value, expires: expiresAt.getTime() })
    return true
  }

  async close(): Promise<void> {
    this.closed = true
  }

  read(key: string): string | undefined {
    const entry = this.backend.get(this.prefix + key)
    return entry && entry.expires > Date.now() ? entry.value : undefined
  }
}

describe('a store of twenty lines meets the contract', () => {
  const backend: Backend = new Map()
  testTokenStore({ test, createStore: ({ prefix } = {}) => new PlainStore(backend, prefix) })
})

describe('a store that has neither prefixes nor close meets the contract', () => {
  const store = new PlainStore(new Map())
  const bare: TokenStore = {
    get: keys => store.get(keys),
    compareAndSet: (key, expected, value, expiresAt) => store.compareAndSet(key, expected, value, expiresAt),
  }
  testTokenStore({ test, createStore: () => bare, prefixes: false })
})

/** What is wrong, how, and a test that must notice. */
const broken: [mistake: string, make: (backend: Backend, prefix?: string) => TokenStore, noticed: RegExp][] = [
  [
    'compares first and writes later',
    (backend, prefix) =>
      new (class extends PlainStore {
        override async compareAndSet(...[key, expected, value, expiresAt]: Parameters<TokenStore['compareAndSet']>) {
          const [held] = await this.get([key])
          await sleep(0)
          if (held !== expected) return false
          this.backend.set(this.prefix + key, { value, expires: expiresAt.getTime() })
          return true
        }
      })(backend, prefix),
    /of many who write a new key at once/,
  ],
  [
    'has a lock of its own in each handle',
    (backend, prefix) =>
      new (class extends PlainStore {
        turn: Promise<unknown> = Promise.resolve()
        override compareAndSet(...[key, expected, value, expiresAt]: Parameters<TokenStore['compareAndSet']>) {
          const mine = this.turn.then(async () => {
            const [held] = await this.get([key])
            await sleep(0)
            if (held !== expected) return false
            this.backend.set(this.prefix + key, { value, expires: expiresAt.getTime() })
            return true
          })
          this.turn = mine.catch(() => {})
          return mine
        }
      })(backend, prefix),
    /of many who replace a value at once/,
  ],
  [
    'ignores expiry',
    (backend, prefix) => changed(backend, prefix, { read: (entry: Entry | undefined) => entry?.value }),
    /an expired value reads as undefined/,
  ],
  [
    'hides expired values from get only',
    (backend, prefix) =>
      new (class extends PlainStore {
        override async compareAndSet(...[key, expected, value, expiresAt]: Parameters<TokenStore['compareAndSet']>) {
          if (this.closed) throw new Error('closed')
          if (this.backend.get(this.prefix + key)?.value !== expected) return false
          this.backend.set(this.prefix + key, { value, expires: expiresAt.getTime() })
          return true
        }
      })(backend, prefix),
    /an expired value is not what it was/,
  ],
  [
    'keeps the first expiry when a value is replaced',
    (backend, prefix) =>
      new (class extends PlainStore {
        override async compareAndSet(...[key, expected, value, expiresAt]: Parameters<TokenStore['compareAndSet']>) {
          const before = this.read(key) === undefined ? undefined : this.backend.get(this.prefix + key)?.expires
          const written = await super.compareAndSet(key, expected, value, expiresAt)
          if (written && before) this.backend.set(this.prefix + key, { value, expires: before })
          return written
        }
      })(backend, prefix),
    /a replaced value has its own expiry/,
  ],
  [
    'prolongs a value when the comparison fails',
    (backend, prefix) =>
      new (class extends PlainStore {
        override async compareAndSet(...[key, expected, value, expiresAt]: Parameters<TokenStore['compareAndSet']>) {
          const written = await super.compareAndSet(key, expected, value, expiresAt)
          const entry = this.backend.get(this.prefix + key)
          if (!written && entry) entry.expires = expiresAt.getTime()
          return written
        }
      })(backend, prefix),
    /a comparison that fails leaves the expiry alone/,
  ],
  [
    'answers in the order of the backend',
    (backend, prefix) =>
      new (class extends PlainStore {
        override async get(keys: readonly string[]) {
          return super.get([...keys].reverse())
        }
      })(backend, prefix),
    /values come in the order of the keys/,
  ],
  [
    'leaves out what is missing',
    (backend, prefix) =>
      new (class extends PlainStore {
        override async get(keys: readonly string[]) {
          return (await super.get(keys)).filter(value => value !== undefined)
        }
      })(backend, prefix),
    /never written is undefined/,
  ],
  [
    'answers null for nothing',
    (backend, prefix) =>
      new (class extends PlainStore {
        override async get(keys: readonly string[]) {
          return (await super.get(keys)).map(value => value ?? null) as (string | undefined)[]
        }
      })(backend, prefix),
    /never written is undefined/,
  ],
  [
    'trims values',
    (backend, prefix) => changed(backend, prefix, { read: entry => entry?.value.trim() }),
    /any characters/,
  ],
  [
    'compares like LIKE',
    (backend, prefix) => changed(backend, prefix, { same: (held, expected) => like(expected).test(held) }),
    /another one is expected, however similar/,
  ],
  [
    'compares without regard to case',
    (backend, prefix) =>
      changed(backend, prefix, { same: (held, expected) => held.toLowerCase() === expected.toLowerCase() }),
    /another one is expected, however similar/,
  ],
  [
    'compares numbers as numbers',
    (backend, prefix) =>
      changed(backend, prefix, { same: (held, expected) => held === expected || Number(held) === Number(expected) }),
    /another one is expected, however similar/,
  ],
  [
    'cuts values at NUL',
    (backend, prefix) => changed(backend, prefix, { read: entry => entry?.value.split('\0')[0] }),
    /any characters/,
  ],
  [
    'cuts values at 65535 bytes',
    (backend, prefix) => changed(backend, prefix, { read: entry => entry?.value.slice(0, 65_535) }),
    /64 kB/,
  ],
  [
    'reads JSON back as something else',
    (backend, prefix) =>
      changed(backend, prefix, { read: entry => (entry?.value === 'null' ? undefined : entry?.value) }),
    /any characters/,
  ],
  [
    'ignores what is expected',
    (backend, prefix) => changed(backend, prefix, { same: () => true }),
    /another one is expected/,
  ],
  [
    'takes an expected empty string for nothing',
    (backend, prefix) =>
      new (class extends PlainStore {
        override compareAndSet(...[key, expected, value, expiresAt]: Parameters<TokenStore['compareAndSet']>) {
          return super.compareAndSet(key, expected || undefined, value, expiresAt)
        }
      })(backend, prefix),
    /not written when something is expected/,
  ],
  ['ignores the prefix', backend => new PlainStore(backend), /different prefixes/],
  [
    'tells apart keys only by their letters and digits',
    (backend, prefix) =>
      new (class extends PlainStore {
        override get(keys: readonly string[]) {
          return super.get(keys.map(key => key.replace(/[^a-z0-9]/gi, '_')))
        }
        override compareAndSet(...[key, ...rest]: Parameters<TokenStore['compareAndSet']>) {
          return super.compareAndSet(key.replace(/[^a-z0-9]/gi, '_'), ...rest)
        }
      })(backend, prefix),
    /one printable character/,
  ],
  [
    'cuts keys at 190 characters',
    (backend, prefix) =>
      new (class extends PlainStore {
        override get(keys: readonly string[]) {
          return super.get(keys.map(key => key.slice(0, 190)))
        }
        override compareAndSet(...[key, ...rest]: Parameters<TokenStore['compareAndSet']>) {
          return super.compareAndSet(key.slice(0, 190), ...rest)
        }
      })(backend, prefix),
    /1 to 200 characters/,
  ],
  [
    'shows a value before it has won',
    (backend, prefix) =>
      new (class extends PlainStore {
        override async compareAndSet(...[key, expected, value, expiresAt]: Parameters<TokenStore['compareAndSet']>) {
          const before = this.backend.get(this.prefix + key)
          const wins = this.read(key) === expected
          this.backend.set(this.prefix + key, { value, expires: expiresAt.getTime() })
          if (wins) return true
          await sleep(1)
          if (before) this.backend.set(this.prefix + key, before)
          return false
        }
      })(backend, prefix),
    /a reader sees nothing or the winner/,
  ],
  [
    'is out of reach',
    () => ({
      get: () => Promise.reject(new Error('away')),
      compareAndSet: () => sleep(1).then(() => Promise.reject(new Error('away'))),
    }),
    /a reader sees nothing or the winner/,
  ],
  [
    'goes on after close',
    (backend, prefix) =>
      new (class extends PlainStore {
        override async close() {}
      })(backend, prefix),
    /a call after close rejects/,
  ],
  [
    'rejects a second close',
    (backend, prefix) =>
      new (class extends PlainStore {
        override async close() {
          if (this.closed) throw new Error('closed')
          this.closed = true
        }
      })(backend, prefix),
    /closing twice is fine/,
  ],
  [
    'closes the backend for all',
    (backend, prefix) =>
      new (class extends PlainStore {
        override async close() {
          this.closed = true
          this.backend.clear()
        }
      })(backend, prefix),
    /closing one handle leaves the others open/,
  ],
]

describe('the suite fails a store that', { concurrency: true }, () => {
  for (const [mistake, make, noticed] of broken) {
    test(mistake, async () => {
      const failures = await failuresOf(make)
      assert.ok(
        failures.some(name => noticed.test(name)),
        `failed were: ${failures.join('; ') || 'none'}`,
      )
    })
  }
})

async function failuresOf(make: (backend: Backend, prefix?: string) => TokenStore): Promise<string[]> {
  const backend: Backend = new Map()
  const tests: [string, () => Promise<void>][] = []
  testTokenStore({ test: (...each) => tests.push(each), createStore: ({ prefix } = {}) => make(backend, prefix) })
  const outcomes = await Promise.allSettled(tests.map(([, run]) => run()))
  return tests.filter((_, place) => outcomes[place]?.status === 'rejected').map(([name]) => name)
}

interface Changes {
  read?: (entry: Entry | undefined) => string | undefined
  same?: (held: string, expected: string) => boolean
}

/** A PlainStore that reads or compares in another way. */
function changed(backend: Backend, prefix: string | undefined, { read, same }: Changes): TokenStore {
  return new (class extends PlainStore {
    override read(key: string) {
      return read ? read(this.backend.get(this.prefix + key)) : super.read(key)
    }
    override compareAndSet(...[key, expected, value, expiresAt]: Parameters<TokenStore['compareAndSet']>) {
      const held = this.read(key)
      const equal = held !== undefined && expected !== undefined && same?.(held, expected)
      return super.compareAndSet(key, equal ? held : expected, value, expiresAt)
    }
  })(backend, prefix)
}

function like(pattern: string): RegExp {
  const escaped = pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('%', '.*').replaceAll('_', '.')}$`, 's')
}
