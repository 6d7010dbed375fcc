import type { Config } from '../config/table.js'
import { StoreUnavailableError } from '../errors.js'
import { warnOnce } from '../request/warn.js'
import type { TokenStore } from '../store.js'
import { Deadline, withDeadline } from '../time/deadline.js'
import { isTraced, traced } from '../tracing.js'
import type { Events } from './events.js'
import { SessionRecords } from './session-records.js'

/** Errors of operations in which the store used up the whole `storeTimeout`. */
const late = new WeakSet<object>()

/** Whether an error means that the store timed out. False if the store failed at once or returned an invalid value. */
export const isLate = (error: unknown) => error instanceof StoreUnavailableError && late.has(error)

/** Runs operations on the store, each with one deadline, and reports those that fail. */
export class StoreOperations {
  readonly store: TokenStore
  readonly #config: Config
  readonly #events: Events
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(store: TokenStore, config: Config, events: Events) {
    this.store = store
    this.#config = config
    this.#events = events
  }

  /**
   * Run one operation, with all its calls and retries.
   * @param name the operation in traces and in `storeError`.
   * @throws StoreUnavailableError, and the errors of `run`.
   */
  run<T>(name: string, run: (records: SessionRecords) => Promise<T>, deadline = this.deadline()): Promise<T> {
    const operate = () => this.#withinDeadline(name, deadline, run)
    return isTraced('store') ? traced('store', { operation: name }, operate) : operate()
  }

  /** Returns a new deadline: `storeTimeout` from now. */
  deadline(): Deadline {
    return new Deadline(this.#config.storeTimeout)
  }

  /** Returns access to the records of the store until a new deadline. */
  records(deadline = this.deadline()): SessionRecords {
    return new SessionRecords(this.store, this.#config, deadline)
  }

  #withinDeadline<T>(name: string, deadline: Deadline, run: (records: SessionRecords) => Promise<T>): Promise<T> {
    const operate = () => run(this.records(deadline))
    return withDeadline(deadline, operate).catch((error: unknown) => {
      if (error instanceof StoreUnavailableError) {
        if (deadline.over()) late.add(error)
        if (name !== 'watch' || this.#isNews()) this.#events.emit('storeError', { operation: name, error })
        if (!this.#events.isHeard('storeError')) warnAboutOutage()
      }
      throw error
    })
  }

  /** True at most once a second: in an outage, thousands of watched sockets must not emit one event each. */
  #isNews(): boolean {
    const now = performance.now()
    if (now - this.#toldAt < 1000) return false
    this.#toldAt = now
    return true
  }
}

/**
 * Warns once about an outage. Koa does not print causes, and the cause may contain data that must not be in every log.
 */
function warnAboutOutage(): void {
  warnOnce(
    'AUTHX_STORE_UNAVAILABLE',
    'The store failed or timed out; requests that need it get 503. Check that it is running, that the folder of its file ' +
      "exists, and that it is not closed. To see the cause: authx.on('storeError', ({ error }) => console.error(error.cause))",
  )
}
