import { page } from './page.js'

/**
 * What `work` resolves to, if it does within `timeoutMs` milliseconds. Otherwise its signal is aborted, where the platform
 * has signals, and the promise rejects with an error named `TimeoutError`.
 */
export function inTime<T>(timeoutMs: number, work: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
  const controller = page.AbortController && new page.AbortController()
  const signal = page.AbortSignal?.timeout?.(timeoutMs) ?? controller?.signal
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      // First: a stand-in of `fetch` may ignore the signal, or reject with an error of its own.
      reject(Object.assign(new Error(`No answer within ${timeoutMs} ms`), { name: 'TimeoutError' }))
      controller?.abort()
    }, timeoutMs)
    work(signal)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
