import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '../examples/client.js'
import { freePort } from '../support/free-port.js'
import { blocksOf, readPage } from '../support/markdown.js'
import { until } from '../support/until.js'
import { OURS, step } from './project.js'

/** A store: a class, the entry that has it, and the code of its arguments. */
export interface StoreInUse {
  readonly name: string
  readonly entry: string
  readonly args: string
}

const IN_MEMORY: StoreInUse = { name: 'MemoryTokenStore', entry: 'stores/memory', args: '' }

/**
 * Serves the quickstart of the README in a project that has what it says to install, and takes its five steps. The
 * program is as it stands there, but for its port, and for the store if another is given.
 */
export async function runQuickstart(path: string, tools = OURS, store = IN_MEMORY): Promise<void> {
  step(`The five steps of the quickstart on ${store.name}, over HTTP`)
  const app = blocksOf(readPage('README.md')).find(({ code }) => code.includes('.listen(8000)'))
  assert.ok(app)
  const port = await freePort()
  writeFileSync(join(path, 'app.mjs'), on(store, app.code).replace('8000', String(port)))
  const server = spawn(tools.node, [...(tools.runArgs ?? []), 'app.mjs'], {
    cwd: path,
    env: tools.env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const ended = once(server, 'exit')
  try {
    const url = `http://localhost:${port}`
    await Promise.race([until(() => fetch(url)), ended.then(() => Promise.reject(new Error('the quickstart ended')))])
    await takeSteps(new Client(url))
  } finally {
    server.kill()
    await ended
  }
}

/** The quickstart on another store. */
function on({ name, entry, args }: StoreInUse, program: string): string {
  const changed = program
    .replace("{ MemoryTokenStore } from 'koa-authx/stores/memory'", `{ ${name} } from 'koa-authx/${entry}'`)
    .replace('new MemoryTokenStore()', `new ${name}(${args})`)
  assert.ok(changed.includes(`koa-authx/${entry}`) && changed.includes(`new ${name}(${args})`))
  return changed
}

async function takeSteps(client: Client): Promise<void> {
  const wrong = await client.login({ password: 'wrong' })
  assert.deepEqual([wrong.status, wrong.body.error_type], [401, 'InvalidCredentialsError'])
  const login = await client.login()
  assert.equal(login.status, 200)
  const passed = await client.get('/protected', { token: login.body.access_token })
  assert.deepEqual([passed.status, passed.body], [200, { message: 'You have access', sub: 'test' }])
  const { status, body } = await client.post('/refresh', { token: login.body.refresh_token })
  assert.equal(status, 200)
  assert.equal((await client.post('/logout', { token: body.access_token })).status, 204)
  const refused = await client.get('/protected', { token: body.access_token })
  assert.deepEqual([refused.status, refused.body.error_type], [401, 'RevokedTokenError'])
}
