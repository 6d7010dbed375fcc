import { createHash } from 'node:crypto'
import { RedisStoreError } from './redis-refusal.js'

/**
 * Compare-and-set in Redis, where nothing else runs in between. KEYS[1] the key; ARGV: deadline (milliseconds of Redis's
 * own clock), time to live in milliseconds, value, and the expected value unless nothing is expected. Answers a word and
 * the time.
 *
 * The deadline is what keeps a write that was given up from being applied later: a Redis that was frozen or cut off
 * reads it from its socket when it wakes up, long after the caller was told that it failed.
 */
export const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local answer = 'late'
if now <= tonumber(ARGV[1]) then
  answer = 'differs'
  if redis.call('GET', KEYS[1]) == (ARGV[4] or false) then
    redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
    answer = 'written'
  end
end
return string.format('%s %.3f', answer, now)`

export const scriptSha = createHash('sha1').update(script).digest('hex')

export interface ScriptAnswer {
  answer: 'late' | 'differs' | 'written'
  /** Redis's clock, in milliseconds since 1970. */
  now: number
}

/** @throws Error for anything that the script does not answer. */
export function readAnswer(reply: unknown): ScriptAnswer {
  const [, answer, now] = /^(late|differs|written) (\d+\.\d+)$/.exec(String(reply)) ?? []
  if (answer === undefined) throw new RedisStoreError('Redis gave an answer that cannot be read')
  return { answer: answer as ScriptAnswer['answer'], now: Number(now) }
}

/**
 * What Redis's clock says at a moment of ours (`performance.now()`): the two are not synchronised. Every answer proves
 * that Redis's clock stood at `now` somewhere between sending and receiving. We keep the least offset that this allows,
 * so that Redis never takes a deadline for later than it is, and keep it for as long as the answers allow.
 */
export class RedisClock {
  #offset: number | undefined

  /** Milliseconds of Redis's clock; 0 while nothing is known of it, which the script answers with the time. */
  at(moment: number): number {
    return this.#offset === undefined ? 0 : moment + this.#offset
  }

  learn(now: number, sent: number, received: number): void {
    const least = now - received
    const most = now - sent
    if (this.#offset === undefined || this.#offset < least || this.#offset > most) this.#offset = least
  }

  /** Another machine may answer from now on. */
  forget(): void {
    this.#offset = undefined
  }
}
