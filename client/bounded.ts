import { page } from './page.js'

/**
 * Resolves or rejects as `work` does, but not later than the caller allows: after `timeoutMs` (0: no limit) it rejects
 * with an error named `TimeoutError`, and when `stop` is aborted, with its reason. The signal of `work` is aborted then.
 */
export function bounded<T>(
  work: (signal: AbortSignal | undefined) => Promise<T> | T,
  timeoutMs: number,
  stop?: AbortSignal | null,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const controller = page.AbortController && new page.AbortController()
    // Rejects before the abort: a custom `fetch` may ignore the signal, or reject with another error.
    const end = (error: unknown) => {
      reject(error)
      controller?.abort(error)
    }
    const halt = () => end(stop?.reason ?? named('AbortError', 'The wait was aborted'))
    const timer =
      timeoutMs && setTimeout(() => end(named('TimeoutError', `No answer within ${timeoutMs} ms`)), timeoutMs)
    stop?.addEventListener('abort', halt)
    if (stop?.aborted) halt()
    new Promise<T>(done => done(work(controller?.signal))).then(resolve, reject).finally(() => {
      clearTimeout(timer)
      stop?.removeEventListener('abort', halt)
    })
  })
}

export const named = (name: string, message: string): Error => Object.assign(new Error(message), { name })
