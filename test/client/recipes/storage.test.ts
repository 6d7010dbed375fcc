import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { bundleProgram } from '../../support/bundle.js'
import { freePort } from '../../support/free-port.js'
import { temporaryFolder } from '../../support/temporary.js'
import { recipeServer } from './server.js'

const run = promisify(execFile)

interface Told {
  /** The status when the program began, once the storage was read, and at the end. */
  readonly before: string
  readonly after: string
  readonly status: string
  readonly sub?: string
  readonly error_type?: string
}

const PLATFORMS = {
  'React Native': { module: 'expo-secure-store', program: 'react-native-app' },
  Electron: { module: 'electron', program: 'electron-app' },
}

/** An application that is started, and ends, once for each call of `start`. */
async function installed(t: TestContext, platform: keyof typeof PLATFORMS) {
  const { module, program } = PLATFORMS[platform]
  const { folder, remove } = await temporaryFolder()
  t.after(remove)
  const standIn = { [module]: `test/client/recipes/stand-ins/${module}.ts` }
  const script = join(folder, 'app.mjs')
  writeFileSync(script, await bundleProgram(`test/client/recipes/stand-ins/${program}.ts`, standIn))
  const server = await recipeServer(t, 'headers')
  const variables = { SECURE_STORE_FILE: join(folder, 'store.json'), USER_DATA: folder }
  const urls = { EXPO_PUBLIC_API_URL: server.origin, API_URL: server.origin }
  const start = async (command = '', more: Record<string, string> = {}): Promise<Told> => {
    const env = { ...process.env, ...variables, ...urls, ...more }
    return JSON.parse((await run(process.execPath, [script, command], { env })).stdout)
  }
  const stored = () =>
    readdirSync(folder)
      .filter(name => /^(store\.json|.*\.bin.*)$/.test(name))
      .map(name => join(folder, name))
  return { server, folder, start, stored }
}

for (const platform of Object.keys(PLATFORMS) as (keyof typeof PLATFORMS)[]) {
  describe(`a login on ${platform}`, () => {
    test('is there again after each start of the application', async t => {
      const { server, start } = await installed(t, platform)
      assert.deepEqual(await start(), {
        before: 'loading',
        after: 'unauthenticated',
        status: 'unauthenticated',
        error_type: 'MissingTokenError',
      })
      assert.equal((await start('login')).sub, 'ada')
      for (const hours of [1, 2, 24]) {
        server.clock.advance(`${hours}h`)
        const told = { before: 'loading', after: 'authenticated', status: 'authenticated', sub: 'ada' }
        assert.deepEqual(await start(), told)
      }
    })

    test('lives on while the server is away', async t => {
      const { start } = await installed(t, platform)
      await start('login')
      const port = await freePort()
      const away = { EXPO_PUBLIC_API_URL: `http://127.0.0.1:${port}`, API_URL: `http://127.0.0.1:${port}` }
      const { after, status, error_type } = await start('', away)
      assert.deepEqual(
        [after, status, error_type],
        ['authenticated', 'authenticated', 'none, because the request failed'],
      )
      assert.equal((await start()).sub, 'ada')
    })

    test('is gone after a logout', async t => {
      const { start } = await installed(t, platform)
      await start('login')
      assert.equal((await start('logout')).status, 'unauthenticated')
      assert.equal((await start()).after, 'unauthenticated')
    })

    test('that was ended on the server is forgotten', async t => {
      const { server, start } = await installed(t, platform)
      await start('login')
      await server.authx.revokeAllSessions('ada')
      assert.equal((await start()).status, 'unauthenticated')
      assert.equal((await start()).after, 'unauthenticated')
    })
  })
}

test('a keychain that is locked when the application starts loses no login', async t => {
  const { start } = await installed(t, 'React Native')
  await start('login')
  assert.equal((await start('', { KEYCHAIN: 'locked' })).after, 'unauthenticated')
  assert.equal((await start()).sub, 'ada')
})

describe('the file of the Electron recipe', () => {
  test('does not show the token, and only its owner may read it', async t => {
    const { stored, start } = await installed(t, 'Electron')
    await start('login')
    const [file = ''] = stored()
    assert.equal(stored().length, 1)
    assert.doesNotMatch(readFileSync(file, 'latin1'), /eyJ/)
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  test('that cannot be decrypted any more means that the user logs in again', async t => {
    const { stored, folder, start } = await installed(t, 'Electron')
    await start('login')
    writeFileSync(join(folder, 'key-of-the-system'), Buffer.alloc(32, 1))
    assert.equal((await start()).after, 'unauthenticated')
    assert.equal((await start('login')).sub, 'ada')
    writeFileSync(stored()[0] ?? '', 'broken')
    assert.equal((await start()).after, 'unauthenticated')
  })

  test('is not written where the system has no secret store', async t => {
    const { stored, start } = await installed(t, 'Electron')
    assert.equal((await start('login', { STORAGE_BACKEND: 'basic_text' })).sub, 'ada')
    assert.deepEqual(stored(), [])
  })
})
