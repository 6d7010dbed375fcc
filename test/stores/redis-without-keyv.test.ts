import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { root } from '../examples/programs.js'
import { complaints } from '../support/markdown.js'
import { startRedis } from '../support/redis.js'
import { temporaryFolder } from '../support/temporary.js'

const { folder, remove } = await temporaryFolder()
const redis = await startRedis()
after(() => Promise.all([redis.stop(), remove()]))
const modules = join(folder, 'node_modules')
const IOREDIS = ['ioredis', 'ioredis-5']
await install()

/** The package, the clients of ioredis, and the types of Node. */
async function install(): Promise<void> {
  const own = join(modules, 'koa-authx')
  mkdirSync(own, { recursive: true })
  copyFileSync(join(root, 'package.json'), join(own, 'package.json'))
  await build(join(own, 'dist'))
  for (const name of [...IOREDIS, '@types/node']) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
}

/** The store and what it imports, as they are published. */
async function build(outDir: string): Promise<void> {
  const config = join(folder, 'tsconfig.build.json')
  const compilerOptions = { rootDir: root, outDir, noCheck: true, typeRoots: [join(root, 'node_modules/@types')] }
  const files = ['redis.ts', 'require-package.ts'].map(name => join(root, 'stores', name))
  const extended = join(root, 'tsconfig.build.json')
  writeFileSync(config, JSON.stringify({ extends: extended, compilerOptions, files, include: [] }))
  await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', config])
}

/** What a program of the project prints. */
function printed(code: string): string {
  const program = `import { RedisTokenStore } from 'koa-authx/stores/redis'\n${code}`
  const args = ['--input-type=module', '-e', program]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    timeout: 50_000,
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  return stdout.trim()
}

/** What the compiler says about a program of the project, declarations of the package included. */
function compiled(code: string): Promise<string> {
  writeFileSync(join(folder, 'program.ts'), code)
  return complaints(folder, ['program.ts'], { skipLibCheck: false, paths: {}, typeRoots: [join(modules, '@types')] })
}

describe('without @keyv/redis', () => {
  for (const name of IOREDIS) {
    test(`a store with a client of ${name} reads and writes`, () => {
      const said = printed(`
        import { Redis } from '${name}'
        const client = new Redis('${redis.url}')
        const store = new RedisTokenStore(client, { prefix: '${name}:', timeout: 20_000 })
        const written = await store.compareAndSet('key', undefined, 'value', new Date(Date.now() + 60_000))
        console.log(JSON.stringify([written, await store.get(['key'])]))
        await store.close()
        client.disconnect()`)
      assert.deepEqual(JSON.parse(said), [true, ['value']])
    })
  }

  for (const given of ["'redis://127.0.0.1:6379'", '{ socket: { port: 6379 } }']) {
    test(`the error for ${given} names the package`, () => {
      const said = printed(`
        try {
          new RedisTokenStore(${given})
        } catch (error) {
          console.log(JSON.stringify([error.message, error.cause?.code]))
        }`)
      const [message, code] = JSON.parse(said) as [string, string]
      assert.match(message, /npm install @keyv\/redis/)
      assert.equal(code, 'MODULE_NOT_FOUND')
    })
  }

  test('wrong arguments are named before the package that is missing', () => {
    const said = printed(`
      for (const given of [6379, { host: 'a' }, undefined]) {
        try {
          new RedisTokenStore(given)
        } catch (error) {
          console.log(error.name)
        }
      }`)
    assert.equal(said, 'TypeError\nTypeError\nTypeError')
  })

  test('a program compiles, and may pass a client of ioredis, but no other object', async () => {
    const program = (given: string) => `
      import { Redis } from 'ioredis'
      import { RedisTokenStore } from 'koa-authx/stores/redis'
      export const client = new Redis()
      export const store = new RedisTokenStore(${given})`
    assert.equal(await compiled(program('client')), '')
    assert.match(await compiled(program('{ socket: {} }')), /error TS\d+: .*IoRedisClient/)
  })
})
