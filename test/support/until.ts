import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Call `check` until it neither throws nor answers false; after `limit` milliseconds its last failure is thrown. The
 * default is for what happens soon, unless the machine is busy.
 */
export async function until(check: () => unknown, limit = 60_000): Promise<void> {
  const deadline = performance.now() + limit
  for (;;) {
    const failure = await outcome(check)
    if (failure === undefined) return
    if (performance.now() > deadline) throw failure
    await sleep(20)
  }
}

async function outcome(check: () => unknown): Promise<unknown> {
  try {
    return (await check()) === false ? new Error('the condition did not come true') : undefined
  } catch (error) {
    return error ?? new Error('the condition threw nothing')
  }
}
