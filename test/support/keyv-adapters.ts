/** A storage adapter over a Map, for tests to put faults into. It keeps what it is told, for ever. */
export class MapAdapter {
  namespace?: string | undefined
  opts: Record<string, unknown> = {}
  readonly map: Map<string, unknown>
  readonly lives: (number | undefined)[] = []

  constructor(map = new Map<string, unknown>()) {
    this.map = map
  }

  async get(key: string): Promise<unknown> {
    return this.map.get(key)
  }

  async set(key: string, value: unknown, life?: number): Promise<boolean | undefined> {
    this.lives.push(life)
    this.map.set(key, value)
    return undefined
  }

  async delete(key: string): Promise<boolean> {
    return this.map.delete(key)
  }

  async clear(): Promise<void> {}
}

/** A call that an adapter has begun and does not answer. */
export interface StuckCall {
  /** The backend does what it was told, and says nothing. */
  land(): void
  /** The backend does what it was told, and says so. */
  answer(): void
  /** The adapter says that it has failed; the backend may still do what it was told. */
  fail(): void
}

/** A storage adapter whose calls hang while a test wants it. */
export class HangingAdapter extends MapAdapter {
  /** The verbs that hang. */
  readonly hanging = new Set<'get' | 'set' | 'delete'>()
  readonly stuck: StuckCall[] = []

  override get(key: string): Promise<unknown> {
    return this.#hang('get', () => super.get(key), this.map.get(key))
  }

  override set(key: string, value: unknown, life?: number): Promise<boolean | undefined> {
    return this.#hang('set', () => super.set(key, value, life), undefined)
  }

  override delete(key: string): Promise<boolean> {
    return this.#hang('delete', () => super.delete(key), true)
  }

  #hang<T>(verb: 'get' | 'set' | 'delete', act: () => Promise<T>, answer: T): Promise<T> {
    if (!this.hanging.has(verb)) return act()
    return new Promise((resolve, reject) => {
      const land = () => void act()
      this.stuck.push({
        land,
        answer: () => {
          land()
          resolve(answer)
        },
        fail: () => reject(new Error('the adapter gives up')),
      })
    })
  }
}
