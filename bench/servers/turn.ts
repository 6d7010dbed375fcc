let over: Promise<void> | undefined

/**
 * Resolves at the end of the turn of the event loop, for all callers of the turn together. The memory and the SQLite
 * store answer in this manner. It changes what a request costs, so a floor has to do it too.
 */
export function endOfTurn(): Promise<void> {
  over ??= new Promise(resolve => {
    setImmediate(() => {
      over = undefined
      resolve()
    })
  })
  return over
}
