/** Numbers that look random and are the same again for the same seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to below 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1))
  }

  /** A source of its own for something that goes on at the same time: neither disturbs the other. */
  fork(): Random {
    return new Random(this.between(0, 2 ** 32 - 1))
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.fraction() * list.length)] as T
  }
}

/** The seed of this run: `TORTURE_SEED` repeats another one. */
export const SEED = Number(process.env.TORTURE_SEED ?? 20_260_101)

/** A source of its own for the `n`th round, so that one round can be looked at without those before it. */
export const randomOf = (n: number) => new Random(Math.imul(SEED + n, 0x9e3779b1))
