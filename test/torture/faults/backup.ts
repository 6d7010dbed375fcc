import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sqliteDriver } from '../../../stores/sqlite-driver.js'
import { temporaryFolder } from '../../support/temporary.js'
import { until } from '../../support/until.js'
import { Broken, type Outcome, type Pass } from '../case.js'
import { type Answer, Target } from './target.js'

const ROUNDS: Readonly<Record<Pass, number>> = { full: 10, short: 2 }

/**
 * A backup is put in the place of the file: first as a person does it, over the file of a running server and beside its
 * log, which is no service until it is done as the documentation says.
 */
export async function backup(pass: Pass): Promise<Outcome> {
  const { folder, remove } = await temporaryFolder()
  const path = join(folder, 'tokens.sqlite')
  const broken = new Broken()
  const target = await Target.start({ backend: { kind: 'sqlite', at: path }, options: { storeTimeout: 5000 } })
  try {
    for (let round = 1; round <= ROUNDS[pass]; round++) await restore(target, path, broken, round)
    return {
      count: ROUNDS[pass],
      seen: 'each 503 while the log was left, then told by the event storeRollback',
      broken: broken.lines,
    }
  } finally {
    await target.stop()
    await remove()
  }
}

async function restore(target: Target, path: string, broken: Broken, round: number): Promise<void> {
  const person = () => login(target, randomUUID())
  const [loggedOut, refreshed, refreshedTwice, untouched] = [
    await person(),
    await person(),
    await person(),
    await person(),
  ]
  await copyTo(path, `${path}.backup`)
  await target.call('POST', '/logout', loggedOut.access)
  const successor = await refresh(target, refreshed)
  const second = await refresh(target, await refresh(target, refreshedTwice))
  const later = await person()
  await copyFile(`${path}.backup`, path)
  await until(async () => assert.equal(await statusOf(target, later), 503))
  for (const tokens of [loggedOut, successor, second, untouched, later]) {
    const status = await statusOf(target, tokens)
    broken.unless(status === 503, `a guard while the file does not belong to its log: ${status} in place of 503`)
  }
  await putBack(`${path}.backup`, path)
  await until(async () => assert.equal(await statusOf(target, later), 401))

  const expect = async (what: string, token: string, status: number) => {
    const answer = await target.call('POST', '/refresh', token)
    broken.unless(answer.status === status, `${what}: ${answer.status} in place of ${status}`)
  }
  await expect('a session that nobody touched', untouched.refresh, 200)
  await expect('a session whose logout was lost is alive again', loggedOut.refresh, 200)
  await expect('a session that was refreshed once goes on with its newest token', successor.refresh, 200)
  await expect('a session that was refreshed twice is over for its newest token', second.refresh, 401)
  await expect('a session that began later is over', later.refresh, 401)
  const { rollbacks } = await target.order()
  broken.unless(rollbacks === round, `the event storeRollback came ${rollbacks} times in place of ${round}`)
}

const statusOf = async (target: Target, { access }: Tokens) => (await target.call('GET', '/protected', access)).status

interface Tokens {
  readonly access: string
  readonly refresh: string
}

const tokensIn = ({ body }: Answer): Tokens => ({
  access: String(body.access_token),
  refresh: String(body.refresh_token),
})

const login = async (target: Target, sub: string) => tokensIn(await target.call('POST', `/login/${sub}`))

const refresh = async (target: Target, { refresh }: Tokens) => tokensIn(await target.call('POST', '/refresh', refresh))

async function copyTo(path: string, copy: string): Promise<void> {
  const database = sqliteDriver()(path)
  database.prepare('VACUUM INTO ?').run(copy)
  database.close()
}

async function putBack(copy: string, path: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(path + suffix, { force: true })
  await copyFile(copy, path)
  await rm(copy)
}
