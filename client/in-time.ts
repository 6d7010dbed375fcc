/**
 * What `work` resolves to, if it does within `timeoutMs` milliseconds. Otherwise its signal is aborted, where the platform
 * has such signals, and the promise rejects with an error named `TimeoutError`.
 */
export function inTime<T>(timeoutMs: number, work: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
  const controller = typeof AbortController === 'function' ? new AbortController() : undefined
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      const error = Object.assign(new Error(`No answer within ${timeoutMs} ms`), { name: 'TimeoutError' })
      // First: a stand-in of `fetch` may ignore the signal, or reject with an error of its own.
      reject(error)
      controller?.abort(error)
    }, timeoutMs)
    work(controller?.signal)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
