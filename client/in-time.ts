import { page } from './page.js'

/**
 * Resolves to the result of `work`, with a deadline of `timeoutMs` milliseconds. After the deadline it rejects with an
 * error named `TimeoutError`, and aborts the signal of `work` if the platform has AbortController.
 */
export function inTime<T>(timeoutMs: number, work: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
  const controller = page.AbortController && new page.AbortController()
  const signal = page.AbortSignal?.timeout?.(timeoutMs) ?? controller?.signal
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      // Reject before the abort: a custom `fetch` may ignore the signal, or reject with another error.
      reject(Object.assign(new Error(`No answer within ${timeoutMs} ms`), { name: 'TimeoutError' }))
      controller?.abort()
    }, timeoutMs)
    work(signal)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
