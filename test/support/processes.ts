import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { SharedBackend } from './store-kinds.js'
import type { WorkerMessage, WorkerOrder, WorkerReport } from './store-worker.js'

const worker = fileURLToPath(new URL('./store-worker.ts', import.meta.url))

/** Start `count` processes at one store and give all of them the same order at the same moment. */
export async function inProcesses(count: number, backend: SharedBackend, order: WorkerOrder): Promise<WorkerReport[]> {
  const processes = Array.from({ length: count }, () =>
    fork(worker, [JSON.stringify(backend)], { execArgv: ['--import', 'tsx'] }),
  )
  try {
    await Promise.all(processes.map(each => message(each)))
    const run = randomUUID()
    for (const [index, each] of processes.entries()) {
      const sent: WorkerMessage = { ...order, processes: { run, count, index } }
      each.send(sent)
    }
    return (await Promise.all(processes.map(each => message(each)))) as WorkerReport[]
  } finally {
    for (const each of processes) each.kill()
  }
}

async function message(child: ChildProcess): Promise<unknown> {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`a worker ended with code ${code}`)))
  ended.catch(() => {})
  const [said] = await Promise.race([once(child, 'message'), ended])
  return said
}
