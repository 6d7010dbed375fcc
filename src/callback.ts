import { type CallbackName, CallbackUnavailableError, StoreUnavailableError } from './errors.js'
import { type Deadline, withDeadline } from './time/deadline.js'

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
