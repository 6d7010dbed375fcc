import { AsyncLocalStorage } from 'node:async_hooks'
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context, Middleware } from 'koa'
import type { TokenStore } from '../../../src/store.js'

/**
 * Where a request is cut off. `before`: nothing has been written. `sent`: the store has been told to write, and nobody
 * waits for its answer. `after`: the write is committed. `answer`: all is done, and the answer has not been sent.
 */
export type CutPoint = 'before' | 'sent' | 'after' | 'answer'

/** How a request wants to be treated by the server under torture; the JSON of the header `x-steer`. */
export interface Steer {
  /** Milliseconds to wait after each reading of the store. */
  read?: number
  /** Milliseconds to wait after each write. */
  written?: number
  /** Stop at this point for good; when `of` requests have, the process kills itself. */
  cut?: { point: CutPoint; of: number; id: number }
}

/** The answer that a request would have been given. */
export interface LostAnswer {
  id: number
  status: number
  body: Readonly<Record<string, unknown>>
}

/** What decides: a listing is written besides, and decides nothing. */
const DECIDES = /^(session|subject):/

const steering = new AsyncLocalStorage<Steer>()
let stopped = 0

/** Put first into an app: what the request wants holds for all that is done for it. `lost`: a file of `LostAnswer`s. */
export function steered(lost: string | undefined): Middleware {
  return (ctx, next) => {
    const steer = JSON.parse(ctx.get('x-steer') || '{}') as Steer
    return steering.run(steer, () => (steer.cut?.point === 'answer' ? answerLost(ctx, next, steer.cut, lost) : next()))
  }
}

async function answerLost(ctx: Context, next: () => Promise<unknown>, cut: { of: number; id: number }, lost = '') {
  await next()
  const answer: LostAnswer = { id: cut.id, status: ctx.status, body: ctx.body as LostAnswer['body'] }
  appendFileSync(lost, `${JSON.stringify(answer)}\n`)
  await stop(cut.of)
}

/** A store that does what the request at hand wants, and counts the writes that met another in between. */
export class SteeredStore implements TokenStore {
  conflicts = 0
  readonly #store: TokenStore
  readonly #speed: number

  /** `speed`: how many times faster than the clock on the wall time runs for the store. */
  constructor(store: TokenStore, speed = 1) {
    this.#store = store
    this.#speed = speed
  }

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    const values = await this.#store.get(keys)
    await pause(steering.getStore()?.read)
    return values
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    const { cut, written: wait } = steering.getStore() ?? {}
    const point = DECIDES.test(key) ? cut?.point : undefined
    if (cut && point === 'before') return stop(cut.of)
    const writing = this.#store.compareAndSet(key, expected, value, this.#onTheWall(expiresAt))
    if (cut && point === 'sent') return stop(cut.of)
    const written = await writing
    if (!written) this.conflicts++
    if (cut && point === 'after' && written) return stop(cut.of)
    await pause(wait)
    return written
  }

  async close(): Promise<void> {
    await this.#store.close?.()
  }

  #onTheWall(expiresAt: Date): Date {
    if (this.#speed === 1) return expiresAt
    return new Date(Date.now() + (expiresAt.getTime() - Date.now()) / this.#speed)
  }
}

async function pause(milliseconds: number | undefined): Promise<void> {
  if (milliseconds) await sleep(milliseconds)
}

/** Never resolves; the last of `of` requests takes the process with it. */
function stop(of: number): Promise<never> {
  if (++stopped === of) process.kill(process.pid, 'SIGKILL')
  return new Promise(() => {})
}
