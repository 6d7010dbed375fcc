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
 * Call a function of the application whose own errors are for the caller, such as `ctx.throw(404)`.
 * @throws CallbackUnavailableError if the function misses the deadline; what the function throws.
 */
export function askInTime<T>(callback: CallbackName, timeoutMs: number, ask: () => T | Promise<T>): Promise<T> {
  const late = () =>
    new CallbackUnavailableError(callback, { cause: new Error(`${callback} gave no answer within ${timeoutMs} ms`) })
  return withDeadline(new Deadline(timeoutMs, late), async () => ask())
}
