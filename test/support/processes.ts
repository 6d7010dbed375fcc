import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { SharedBackend } from './store-kinds.js'
import type { WorkerMessage, WorkerOrder, WorkerReport } from './store-worker.js'

const worker = fileURLToPath(new URL('./store-worker.ts', import.meta.url))

/**
 * Start `count` processes at one store and give all of them the same order at the same moment. Several `backends` are
 * ways to the same store, which the processes take in turn.
 */
export async function inProcesses(
  count: number,
  backends: SharedBackend | readonly [SharedBackend, ...SharedBackend[]],
  order: WorkerOrder,
): Promise<WorkerReport[]> {
  const ways = [backends].flat()
  const processes = Array.from({ length: count }, (_, n) =>
    fork(worker, [JSON.stringify(ways[n % ways.length])], { execArgv: ['--import', 'tsx'] }),
  )
  try {
    await Promise.all(processes.map(messageOf))
    const run = randomUUID()
    for (const [index, each] of processes.entries()) {
      const sent: WorkerMessage = { ...order, processes: { run, count, index } }
      each.send(sent)
    }
    return (await Promise.all(processes.map(messageOf))) as WorkerReport[]
  } finally {
    for (const each of processes) each.kill()
  }
}

/** The next message of `child`. Rejects if it ends without one. */
export async function messageOf(child: ChildProcess): Promise<unknown> {
  const ended = endOf(child).then(({ code }) => Promise.reject(new Error(`a worker ended with code ${code}`)))
  ended.catch(() => {})
  const [said] = await Promise.race([once(child, 'message'), ended])
  return said
}

/** Resolves when `child` has ended and all its messages were told. By 'exit' alone it may have one left, if we are busy. */
export async function endOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')])
  return { code, signal }
}
