import { type CallbackName, CallbackUnavailableError, StoreUnavailableError } from './errors.js'
import { Deadline, withDeadline } from './time/deadline.js'

/**
 * Call a function of the application.
 * @throws CallbackUnavailableError if the function throws, rejects or misses the deadline.
 */
export async function askCallback<T>(
  callback: CallbackName,
  deadline: Deadline,
  ask: () => T | Promise<T>,
): Promise<T> {
  try {
    return await withDeadline(deadline, async () => ask())
  } catch (error) {
    // A deadline that is shared with the store throws StoreUnavailableError.
    throw new CallbackUnavailableError(callback, {
      cause: error instanceof StoreUnavailableError ? error.cause : error,
    })
  }
}

/**
 * Call a function of the application, and pass its own errors on to the caller, such as that of `ctx.throw(404)`.
 * @throws CallbackUnavailableError if the function takes longer than `timeoutMs`; every error of the function itself.
 */
export function askInTime<T>(callback: CallbackName, timeoutMs: number, ask: () => T | Promise<T>): Promise<T> {
  const late = () =>
    new CallbackUnavailableError(callback, { cause: new Error(`${callback} did not answer within ${timeoutMs} ms`) })
  return withDeadline(new Deadline(timeoutMs, late), async () => ask())
}
