import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findRedisServer } from '../support/redis-binary.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'

/** Redis, which says that it is Valkey. */
const standIn = `#!/bin/sh
[ "$1" = --version ] && echo 'Valkey server v=8' && exit
exec ${findRedisServer()} "$@"
`

const endless = `
  import { writeFileSync } from 'node:fs'
  import { test } from 'node:test'
  test('never ends', () => new Promise(() => {
    setInterval(() => {}, 1000)
    writeFileSync(process.env.PID_FILE, String(process.pid))
  }))
`

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a signal to the run on Valkey ends its tests', async t => {
  const { folder, remove } = await temporaryFolder()
  t.after(remove)
  const [server, file, pidFile] = ['valkey-server', 'endless.test.mjs', 'pid'].map(name => join(folder, name))
  writeFileSync(String(server), standIn, { mode: 0o755 })
  writeFileSync(String(file), endless)
  const { NODE_TEST_CONTEXT, ...env } = process.env
  const run = spawn(process.execPath, ['--import', 'tsx', 'test/valkey/run.ts', String(file)], {
    stdio: 'ignore',
    env: { ...env, REDIS_SERVER: server, PID_FILE: pidFile },
  })
  await until(() => existsSync(String(pidFile)) && readFileSync(String(pidFile), 'utf8') !== '', 60_000)
  const pid = Number(readFileSync(String(pidFile), 'utf8'))
  t.after(() => isRunning(pid) && process.kill(pid, 'SIGKILL'))
  assert.equal(isRunning(pid), true)
  run.kill('SIGTERM')
  const [code] = await once(run, 'exit')
  assert.equal(code, 1)
  await until(() => !isRunning(pid))
})
