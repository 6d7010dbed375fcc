import { StoreUnavailableError } from '../errors.js'

/** The time that an operation has; asked by loops that retry. */
export interface Deadline {
  /** Whether the time is over. */
  over(): boolean
  /** Milliseconds left, never negative. */
  left(): number
}

/**
 * Run a whole operation, all its calls and retries, within `milliseconds`.
 * @throws StoreUnavailableError when the time is over. The operation may still end; nobody learns how.
 */
export async function within<T>(milliseconds: number, run: (deadline: Deadline) => Promise<T>): Promise<T> {
  const end = performance.now() + milliseconds
  const left = () => Math.max(0, end - performance.now())
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const cause = new Error(`no answer within ${milliseconds} ms`)
    timer = setTimeout(() => reject(new StoreUnavailableError({ cause })), milliseconds)
  })
  try {
    return await Promise.race([run({ left, over: () => left() === 0 }), late])
  } finally {
    clearTimeout(timer)
  }
}
