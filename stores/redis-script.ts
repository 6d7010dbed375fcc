import { createHash } from 'node:crypto'
import { RedisStoreError } from './redis-refusal.js'

/**
 * Compare-and-set as a script, which Redis runs without interruption. KEYS[1]: the key. ARGV: the deadline
 * (milliseconds by Redis's clock), the time to live in milliseconds, the value, and the expected value (missing if the
 * caller expects no value). Returns a word and Redis's time.
 *
 * Because of the deadline, no write is applied after its timeout. A Redis that was frozen or disconnected reads the
 * command from its socket when it continues, long after the caller got an error.
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

/** A deadline that every clock has passed. With this deadline, the script writes nothing and answers with the time. */
export const NEVER = '0'

export const scriptSha = createHash('sha1').update(script).digest('hex')

export interface ScriptAnswer {
  answer: 'late' | 'differs' | 'written'
  /** Redis's clock, in milliseconds since 1970. */
  now: number
}

/** Parses the script's answer. @throws Error if it is invalid. */
export function readAnswer(reply: unknown): ScriptAnswer {
  const [, answer, now] = /^(late|differs|written) (\d+\.\d+)$/.exec(String(reply)) ?? []
  if (answer === undefined) throw new RedisStoreError("the answer of Redis to the store's script is invalid")
  return { answer: answer as ScriptAnswer['answer'], now: Number(now) }
}
