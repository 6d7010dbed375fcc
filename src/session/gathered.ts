/** Calls that are served together, and their result. */
interface Batch<Item, Result> {
  readonly items: Item[]
  /** Until it is served, others may join. */
  open: boolean
  readonly result: Promise<Result>
}

/**
 * Serves calls about one key together: those that come while one is being served wait, and the next serves all of them.
 * However many calls there are, at most one is under way for a key, and what serves a call begins after the call.
 */
export class Gathered<Item, Result> {
  readonly #serve: (key: string, items: readonly Item[]) => Promise<Result>
  readonly #latest = new Map<string, Batch<Item, Result>>()

  /** `serve` has to settle in bounded time: the calls about its key wait for it. */
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
