import assert from 'node:assert/strict'
import { chmodSync, existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { readPage } from '../support/markdown.js'
import { installMemcached } from '../support/memcached-binary.js'
import { findPgBouncer, findPostgres, installPgBouncer, installPostgres } from '../support/postgres-binary.js'
import { installRedisServer } from '../support/redis-binary.js'
import { temporaryFolder } from '../support/temporary.js'

/** What installs each program that CONTRIBUTING names, and what the tests say where it cannot be installed. */
const PROGRAMS: Readonly<Record<string, readonly [install: () => unknown, words: string]>> = {
  'redis-server': [
    installRedisServer,
    'The tests need a Redis server: install redis-server or valkey-server (Debian: apt-get install redis-server; macOS: brew install redis), or name one in REDIS_SERVER.',
  ],
  memcached: [
    installMemcached,
    'The tests need memcached: install it (Debian: apt-get install memcached; macOS: brew install memcached), or name the program in MEMCACHED.',
  ],
  postgresql: [
    installPostgres,
    'The tests need PostgreSQL: install it (Debian: apt-get install postgresql), or name the folder of initdb and postgres in POSTGRES_BIN. They run its servers on Linux only.',
  ],
  pgbouncer: [
    installPgBouncer,
    'The tests need PgBouncer: install it (Debian: apt-get install pgbouncer), or put it on the PATH.',
  ],
}

/** A folder that is the whole PATH for a while. */
async function onlyPath(t: TestContext): Promise<string> {
  const { folder, remove } = await temporaryFolder()
  const { PATH } = process.env
  process.env.PATH = folder
  t.after(() => {
    process.env.PATH = PATH
    return remove()
  })
  return folder
}

function addProgram(folder: string, name: string, script: string): void {
  const file = join(folder, name)
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

describe('tests that need a program which is not there', () => {
  test('are for the programs that CONTRIBUTING names', () => {
    const [, names = ''] = /they install Debian's (.*?) if they have the rights/.exec(readPage('CONTRIBUTING.md')) ?? []
    const named = [...names.matchAll(/`([\w-]+)`/g)].map(([, name = '']) => name)
    assert.deepEqual(named.sort(), Object.keys(PROGRAMS).sort())
  })

  for (const [name, [install, words]] of Object.entries(PROGRAMS)) {
    test(`say in one line what to install, where ${name} cannot be installed`, async t => {
      await onlyPath(t)
      assert.throws(install, { message: words })
    })

    test(`say so too, and which step failed, if ${name} is not among Debian's packages`, async t => {
      const folder = await onlyPath(t)
      symlinkSync('/usr/bin/env', join(folder, 'env'))
      addProgram(folder, 'sudo', 'shift; exec "$@"')
      addProgram(folder, 'true', 'exit 0')
      addProgram(folder, 'apt-get', 'test "$1" = update')
      const isDebian = existsSync('/etc/debian_version')
      assert.throws(install, { message: isDebian ? `apt-get install failed. ${words}` : words })
    })
  }

  test('find the folder of POSTGRES_BIN, and say so if there is nothing in it', async t => {
    const { folder, remove } = await temporaryFolder()
    const before = process.env.POSTGRES_BIN
    t.after(() => {
      if (before === undefined) delete process.env.POSTGRES_BIN
      else process.env.POSTGRES_BIN = before
      return remove()
    })
    process.env.POSTGRES_BIN = folder
    assert.throws(findPostgres, { message: `POSTGRES_BIN names no folder with initdb and postgres: ${folder}` })
    for (const name of ['initdb', 'postgres']) addProgram(folder, name, 'exit 0')
    assert.equal(findPostgres()?.program('initdb'), join(folder, 'initdb'))
  })

  test('find pgbouncer in /usr/sbin, if that is not on the PATH', async t => {
    const [found, path] = [findPgBouncer(), await onlyPath(t)]
    if (existsSync('/usr/sbin/pgbouncer')) assert.equal(findPgBouncer(), '/usr/sbin/pgbouncer')
    else {
      symlinkSync(found, join(path, 'pgbouncer'))
      assert.equal(findPgBouncer(), join(path, 'pgbouncer'))
    }
  })
})
