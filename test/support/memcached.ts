import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { freePort } from './free-port.js'
import { findMemcached } from './memcached-binary.js'
import { atExit } from './redis.js'
import { until } from './until.js'

export interface Memcached {
  readonly port: number
  stop(): Promise<void>
}

/** A memcached of the test's own, which ends with this process. */
export async function startMemcached(): Promise<Memcached> {
  const program = findMemcached()
  if (!program) throw new Error('No memcached on PATH; name one in MEMCACHED')
  const port = await freePort()
  // It does not run as root.
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const server = spawn(program, ['-l', '127.0.0.1', '-p', String(port), '-U', '0', ...user], { stdio: 'ignore' })
  const kill = () => void server.kill('SIGKILL')
  atExit.add(kill)
  const gone = once(server, 'exit').then(() => atExit.delete(kill))
  await until(() => takesConnections(port))
  return {
    port,
    stop: async () => {
      kill()
      await gone
    },
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
