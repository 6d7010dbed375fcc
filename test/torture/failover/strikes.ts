import { setTimeout as sleep } from 'node:timers/promises'
import type { Pass } from '../case.js'
import type { Node, Strike, Topology } from './topology.js'

export const STRIKES: Readonly<Record<Pass, readonly Strike[]>> = {
  full: ['killed', 'frozen', 'handed over', 'killed', 'frozen', 'handed over'],
  short: ['killed', 'handed over'],
}

/** When somebody was asked, and told (`performance.now()`). */
export interface Said {
  readonly asked: number
  readonly told: number
}

/** Lets one master after the other be replaced, and knows when that was. */
export class Strikes {
  readonly #topology: Topology
  /** Resolves when whoever uses the servers is served again. */
  readonly #served: (key: string) => Promise<unknown>
  /**
   * Masters that ended without having been asked: when (`performance.now()`), and until when the replicas are known to
   * have had all that they had acknowledged.
   */
  readonly #ends: { readonly replicated: number; readonly end: number }[] = []
  /** The moment of the latest strike. */
  latest = 0
  /** Milliseconds from each strike until another node had taken over, and until everybody was served again. */
  readonly #took: { replaced: number; served: number }[] = []

  constructor(topology: Topology, served: (key: string) => Promise<unknown>) {
    this.#topology = topology
    this.#served = served
  }

  get seen(): string {
    const seconds = (times: readonly number[]) => times.map(time => (time / 1000).toFixed(1)).join(', ')
    const replaced = seconds(this.#took.map(({ replaced }) => replaced))
    const served = seconds(this.#took.map(({ served }) => served))
    return `${this.#topology.name}: ${this.#took.length} masters replaced after ${replaced} s, service back after ${served} s`
  }

  /** Whether what somebody was told may be lost: a master acknowledged it when its replicas need not have had it. */
  mayHaveTaken({ asked, told }: Said): boolean {
    return this.#topology.loses && this.#ends.some(({ replicated, end }) => asked <= end && replicated <= told)
  }

  /** Whether a master ended after `began`: any of what was acknowledged shortly before may have been lost. */
  endedSince(began: number): boolean {
    return this.#topology.loses && this.#ends.some(({ end }) => end >= began)
  }

  async all(strikes: readonly Strike[]): Promise<void> {
    for (const [n, strike] of strikes.entries()) {
      await sleep(300)
      await this.#one(strike, n)
    }
  }

  async #one(strike: Strike, n: number): Promise<void> {
    const topology = this.#topology
    // Keys of different shards, so that it is not always the same one.
    const key = `key-${n}`
    const master = await topology.masterOf(key)
    // A replica that has just come back counts as connected, and is told nothing yet for up to a second.
    await topology.upToDate(master)
    const replicated = performance.now()
    await topology.upToDate(master)
    const began = performance.now()
    this.latest = began
    await this.#hit(strike, master, replicated)
    const successor = await topology.replaced(key, master)
    const replaced = performance.now() - began
    await this.#served(key)
    this.#took.push({ replaced, served: performance.now() - began })
    // The old one comes back when everybody has found the new one.
    await topology.restore(master, successor, strike === 'killed')
  }

  async #hit(strike: Strike, master: Node, replicated: number): Promise<void> {
    if (strike === 'handed over') return void (await this.#topology.handOver(master))
    if (strike === 'killed') await master.kill()
    else master.pause()
    this.#ends.push({ replicated, end: performance.now() })
  }
}
