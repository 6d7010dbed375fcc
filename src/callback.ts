import { type CallbackName, CallbackUnavailableError, StoreUnavailableError } from './errors.js'
import { type Deadline, withDeadline } from './time/deadline.js'

/**
 * Ask a function of the application.
 * @throws CallbackUnavailableError if it throws or rejects, or if the deadline passes first.
 */
export async function askCallback<T>(
  callback: CallbackName,
  deadline: Deadline,
  ask: () => T | Promise<T>,
): Promise<T> {
  try {
    return await withDeadline(deadline, async () => ask())
  } catch (error) {
    // A deadline that is shared with the store says that the store is late.
    throw new CallbackUnavailableError(callback, {
      cause: error instanceof StoreUnavailableError ? error.cause : error,
    })
  }
}
