/** Calls that are served together, and their result. */
interface Batch<Item, Result> {
  readonly items: Item[]
  /** Whether more calls can join: true until the batch is served. */
  open: boolean
  readonly result: Promise<Result>
}

/**
 * Serves calls with the same key together. While a batch is being served, further calls wait and form the next batch.
 * At most one batch for each key is being served, and a batch starts only after all its calls have been made.
 */
export class Gathered<Item, Result> {
  readonly #serve: (key: string, items: readonly Item[]) => Promise<Result>
  readonly #latest = new Map<string, Batch<Item, Result>>()

  /** `serve` must settle in bounded time, because other calls with its key wait for it. */
  constructor(serve: (key: string, items: readonly Item[]) => Promise<Result>) {
    this.#serve = serve
  }

  call(key: string, item: Item): Promise<Result> {
    const latest = this.#latest.get(key)
    if (latest?.open) {
      latest.items.push(item)
      return latest.result
    }
    const items = [item]
    const previous = latest ? latest.result.then(ignore, ignore) : Promise.resolve()
    const result = previous.then(() => {
      batch.open = false
      return this.#serve(key, items)
    })
    const batch: Batch<Item, Result> = { items, open: true, result }
    this.#latest.set(key, batch)
    const forget = () => {
      if (this.#latest.get(key) === batch) this.#latest.delete(key)
    }
    result.then(forget, forget)
    return result
  }
}

const ignore = () => {}
