import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { StoreFinding } from '../../src/index.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'
import { sharedFileSystem } from '../../stores/sqlite-check.js'
import { temporaryFolder } from '../support/temporary.js'

const { folder, remove } = await temporaryFolder()
after(remove)
let folders = 0
function newFolder(name = String(++folders)): string {
  const made = join(folder, name)
  mkdirSync(made, { mode: 0o700 })
  return made
}
const soon = () => new Date(Date.now() + 60_000)

function opened(t: TestContext, path: string): SqliteTokenStore {
  const store = new SqliteTokenStore(path, { timeout: 10_000 })
  t.after(() => store.close())
  return store
}

const codesOf = (findings: readonly StoreFinding[]) => findings.map(({ code }) => code)

/** Runs what a message tells to run. */
function follow({ message }: StoreFinding): void {
  const { status, stderr } = spawnSync('sh', ['-c', /Run: (.*)$/.exec(message)?.[1] ?? 'false'], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

describe('check of an SQLite file', () => {
  test('finds nothing with the files that the store has made', async t => {
    const file = join(newFolder(), 'a.sqlite')
    const store = opened(t, file)
    assert.deepEqual(await store.check(), [])
    assert.equal(await store.compareAndSet('key', undefined, 'a', soon()), true)
    assert.deepEqual(await store.check(), [])
    assert.deepEqual(await store.get(['key']), ['a'])
  })

  const MODES: readonly (readonly [mode: number, code: string])[] = [
    [0o640, 'sqlite-readable'],
    [0o644, 'sqlite-readable'],
    [0o604, 'sqlite-readable'],
    [0o660, 'sqlite-writable'],
    [0o666, 'sqlite-writable'],
    [0o602, 'sqlite-writable'],
  ]
  for (const [mode, code] of MODES) {
    test(`finds that others may use files of mode ${mode.toString(8)}: ${code}, and what it tells to run ends it`, async t => {
      const file = join(newFolder(`it's ${mode}`), 'a.sqlite')
      writeFileSync(file, '')
      chmodSync(file, mode)
      const store = opened(t, file)
      const findings = await store.check()
      assert.deepEqual(codesOf(findings), [code])
      const [finding] = findings as [StoreFinding]
      for (const suffix of ['', '-wal', '-shm']) {
        assert.ok(finding.message.includes(`${file}${suffix} (mode ${mode.toString(8)})`), finding.message)
      }
      follow(finding)
      assert.deepEqual(await store.check(), [])
    })
  }

  test('finds a single file that others may read, such as the log', async t => {
    const file = join(newFolder(), 'a.sqlite')
    const store = opened(t, file)
    await store.compareAndSet('key', undefined, 'a', soon())
    chmodSync(`${file}-wal`, 0o644)
    const findings = await store.check()
    assert.deepEqual(codesOf(findings), ['sqlite-readable'])
    assert.ok(!findings[0]?.message.includes(`${file} (`))
  })

  test('looks at the files where a symbolic link leads, also if it leads to nothing yet', async t => {
    const [here, there] = [newFolder(), newFolder()]
    const file = join(there, 'b.sqlite')
    symlinkSync(file, join(here, 'a.sqlite'))
    const store = opened(t, join(here, 'a.sqlite'))
    assert.deepEqual(await store.check(), [])
    chmodSync(file, 0o644)
    const [finding] = await store.check()
    assert.ok(finding?.message.includes(`${file} (mode 644)`), finding?.message)
  })

  test('finds a folder in which every user could replace the file, but not one like /tmp', async t => {
    const here = newFolder()
    const store = opened(t, join(here, 'a.sqlite'))
    chmodSync(here, 0o1777)
    assert.deepEqual(await store.check(), [])
    chmodSync(here, 0o777)
    const findings = await store.check()
    assert.deepEqual(codesOf(findings), ['sqlite-writable'])
    follow(findings[0] as StoreFinding)
    assert.deepEqual(await store.check(), [])
  })

  test('finds a folder that is not there, and does not make it', async t => {
    const missing = join(newFolder(), 'missing')
    const store = opened(t, join(missing, 'a.sqlite'))
    const findings = await store.check()
    assert.deepEqual(codesOf(findings), ['sqlite-folder'])
    assert.equal(existsSync(missing), false)
    follow(findings[0] as StoreFinding)
    assert.deepEqual(await store.check(), [])
    assert.equal(statSync(missing).mode & 0o777, 0o700)
  })

  test('finds a folder that the process may not write to, and leaves nothing there', () => {
    const here = newFolder()
    chmodSync(here, 0o555)
    chmodSync(folder, 0o755)
    const program = fileURLToPath(new URL('../support/sqlite-checker.ts', import.meta.url))
    // Root may write everywhere.
    const isRoot = process.getuid?.() === 0
    const path = join(here, 'a.sqlite')
    const args = ['--import', 'tsx', program, path, ...(isRoot ? ['65534'] : [])]
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 100_000 })
    const findings = JSON.parse(stdout || `"${stderr}"`) as StoreFinding[]
    assert.deepEqual(codesOf(findings), ['sqlite-folder'])
    assert.match(String(findings[0]?.message), /is not writable for this process/)
    assert.deepEqual(
      readdirSync(here).filter(name => name !== 'a.sqlite'),
      [],
    )
    chmodSync(folder, 0o700)
    chmodSync(here, 0o700)
  })

  test('rejects as calls do if the file is not a database, and after close', async t => {
    const file = join(newFolder(), 'a.sqlite')
    writeFileSync(file, 'this is a text, and not a database '.repeat(200), { mode: 0o600 })
    await assert.rejects(opened(t, file).check(), /^Error: SQLite: .*not a database/)
    const closed = opened(t, join(newFolder(), 'missing', 'a.sqlite'))
    await closed.close()
    await assert.rejects(closed.check(), /closed/)
  })
})

test('check knows file systems that machines can share by their numbers', () => {
  const shared = [0x6969, 0x517b, 0xfe534d42, 0xfe534d42 - 2 ** 32, 0x65735546, 0x01021997]
  assert.deepEqual(shared.map(sharedFileSystem), ['NFS', 'SMB', 'SMB', 'SMB', 'FUSE', '9P'])
  // ext4, tmpfs, XFS, Btrfs, overlayfs.
  for (const local of [0xef53, 0x01021994, 0x58465342, 0x9123683e, 0x794c7630]) {
    assert.equal(sharedFileSystem(local), undefined)
  }
})
