import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { createClient } from '@keyv/redis'
import pg from 'pg'
import { listingKey, sessionKey, subjectKey } from '../../../src/session/record.js'
import { sqliteDriver } from '../../../stores/sqlite-driver.js'
import { startPostgres } from '../../support/postgres.js'
import { startRedis } from '../../support/redis.js'
import { contentOf } from '../../support/signing.js'
import { temporaryFolder } from '../../support/temporary.js'
import type { Outcome, Pass } from '../case.js'
import type { Backend } from './server.js'
import { type Answer, Target } from './target.js'
import { STORE_TIMEOUT, Witness } from './witness.js'

/** A store that somebody else writes to as well. */
interface Vault {
  readonly backend: Backend
  read(key: string): Promise<string>
  /** Bytes, because not all of them are text. */
  plant(key: string, value: Buffer): Promise<unknown>
  /** Something in the key's place that is no value at all, where the backend knows such things. */
  plantOther?(key: string): Promise<unknown>
  close(): Promise<unknown>
}

/** What no version of the library has written. */
const NOT_OURS: readonly (string | Buffer)[] = [
  '',
  ' ',
  'null',
  'undefined',
  'true',
  'false',
  '0',
  '-1',
  '1e999',
  'NaN',
  '"text"',
  '"{}"',
  '[]',
  '[[]]',
  '[{}]',
  '[{"revoked":true}]',
  '{}',
  '{"revoked":false}',
  '{"revoked":1}',
  '{"revoked":"true"}',
  '{"revoked":[true]}',
  '{"Revoked":true}',
  '{"__proto__":{"revoked":true}}',
  '{"constructor":{"prototype":{"revoked":true}}}',
  '{"cutoff":"0"}',
  '{"cutoff":null}',
  '{"cutoff":1e999}',
  '{"cutoff":0,"except":1}',
  '{"cutoff":0,"except":{}}',
  '{',
  '}',
  '{"sub":"',
  "{'sub':'x'}",
  '{"a":1,}',
  '\ufeff{}',
  '\0',
  '{}\0',
  '{}{}',
  '<html></html>',
  'O:8:"stdClass":0:{}',
  '{"value":"{}","expires":null}',
  '['.repeat(100_000),
  '{"a":'.repeat(20_000),
  'x'.repeat(1_000_000),
  Buffer.from([0x00, 0x01, 0x02, 0xff, 0xfe]),
  Buffer.from([0xc3, 0x28]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.concat([Buffer.from('{"sub":"'), Buffer.from([0x80]), Buffer.from('"}')]),
]

/** What is put in the place of a member of a session's record. */
const MEMBERS: readonly unknown[] = [undefined, null, true, 'text', '', [], {}, [1], { a: 1 }, -1, 0.5, 1e300, '1']

const NUMBERS = [
  'gen',
  'cutoff',
  'createdAt',
  'rotatedAt',
  'lastActiveAt',
  'expiresAt',
  'endsAt',
  'keptUntil',
  'iat',
  'exp',
]
const TEXTS = ['sub', 'jti']
const FREE = ['loginType', 'csrf', 'device', 'activeBefore', 'replayed']

const ANY = [200, 204, 401, 503]

export async function garbage(pass: Pass): Promise<Outcome> {
  const witness = new Witness()
  const unhandled: string[] = []
  for (const open of [redisVault, sqliteVault, postgresVault]) {
    const vault = await open()
    const target = await Target.start({ backend: vault.backend, options: { storeTimeout: STORE_TIMEOUT * 20 } })
    try {
      const scene = new Scene(vault, target, witness)
      for (const value of NOT_OURS) await scene.inPlaceOfAll(Buffer.from(value))
      const records = NUMBERS.concat(TEXTS, FREE).flatMap(member => MEMBERS.map(value => ({ member, value })))
      const every = pass === 'full' ? 1 : 4
      for (const [n, { member, value }] of records.entries()) {
        if (n % every === 0) await scene.inPlaceOfMember(member, value)
      }
      unhandled.push(...(await target.order()).unhandled)
    } finally {
      await target.stop()
      await vault.close()
    }
  }
  const broken = [...witness.broken.lines, ...unhandled]
  const { unavailable, answers } = witness.tally
  return { count: answers, seen: `${unavailable} × 503`, broken }
}

/** One person after the other has garbage in their records. */
class Scene {
  readonly #vault: Vault
  readonly #target: Target
  readonly #witness: Witness

  constructor(vault: Vault, target: Target, witness: Witness) {
    this.#vault = vault
    this.#target = target
    this.#witness = witness
  }

  async inPlaceOfAll(value: Buffer): Promise<void> {
    await this.#inPlaceOfSession(key => this.#vault.plant(key, value))
    await this.#inPlaceOfSubject(value)
    await this.#inPlaceOfListing(value)
    const { plantOther } = this.#vault
    if (plantOther) await this.#inPlaceOfSession(plantOther)
  }

  async #inPlaceOfSession(plant: (key: string) => unknown): Promise<void> {
    const { key, access, refresh } = await this.#person()
    const record = await this.#vault.read(key)
    await plant(key)
    await this.#told('guard', '/protected', access, [503])
    await this.#told('guard', '/refreshable', refresh, [503])
    await this.#told('refresh', '/refresh', refresh, [503])
    await this.#told('logout', '/logout', access, [503])
    await this.#vault.plant(key, Buffer.from(record))
    await this.#told('guard', '/protected', access, [200])
    await this.#told('refresh', '/refresh', refresh, [200])
    await this.#told('logout', '/logout', access, [204])
    await this.#told('guard', '/protected', access, [401])
  }

  async #inPlaceOfSubject(value: Buffer): Promise<void> {
    const { sub, access, refresh } = await this.#person()
    await this.#vault.plant(`authx:${subjectKey(sub, undefined)}`, value)
    await this.#told('guard', '/protected', access, [503])
    await this.#told('refresh', '/refresh', refresh, [503])
    await this.#told('login', `/login/${sub}`, undefined, [503])
    await this.#told('revoke-all', `/revoke-all/${sub}`, undefined, [503])
    // Who ends one session need not know what became of all.
    await this.#told('logout', '/logout', access, [204])
    await this.#told('guard', '/protected', access, [503])
    await this.#vault.plant(`authx:${subjectKey(sub, undefined)}`, Buffer.from('{"cutoff":0}'))
    await this.#told('guard', '/protected', access, [401])
  }

  /** The list is for showing it to people: what is wrong with it costs nobody a login. */
  async #inPlaceOfListing(value: Buffer): Promise<void> {
    const { sub, access } = await this.#person()
    await this.#vault.plant(`authx:${listingKey(sub, undefined)}`, value)
    const isList = value.toString() === '[]'
    await this.#told('sessions', `/sessions/${sub}`, undefined, [isList ? 200 : 503])
    await this.#told('login', `/login/${sub}`, undefined, [200])
    await this.#told('guard', '/protected', access, [200])
    await this.#told('logout', '/logout', access, [204])
  }

  /** A value of the right type may mean anything, one of a wrong type must mean nothing. */
  async inPlaceOfMember(member: string, value: unknown): Promise<void> {
    const { key, access, refresh } = await this.#person()
    const record = JSON.parse(await this.#vault.read(key)) as Record<string, unknown>
    const what = `${member} ${JSON.stringify(value)}`
    await this.#vault.plant(key, Buffer.from(JSON.stringify({ ...record, [member]: value })))
    const sound = isSound(member, value)
    await this.#told(`guard, ${what}`, '/protected', access, sound ? ANY : [503])
    await this.#told(`refresh, ${what}`, '/refresh', refresh, sound ? ANY : [503])
    await this.#told(`logout, ${what}`, '/logout', access, sound ? ANY : [503])
  }

  async #person(): Promise<{ sub: string; key: string; access: string; refresh: string }> {
    const sub = randomUUID()
    const { body } = await this.#told('login', `/login/${sub}`, undefined, [200])
    const access = String(body.access_token)
    const { sid } = contentOf(access).claims
    return { sub, key: `authx:${sessionKey(String(sid))}`, access, refresh: String(body.refresh_token) }
  }

  async #told(asked: string, path: string, token: string | undefined, expected: readonly number[]): Promise<Answer> {
    const method = /protected|refreshable|sessions/.test(path) ? 'GET' : 'POST'
    const answer = await this.#target.call(method, path, token)
    this.#witness.hear(asked, answer, expected, this.#witness.circumstances)
    // Where an answer of 503 is not expected, somebody was taken for whom nothing was planted.
    const wrong = answer.status === 503 && !expected.includes(503)
    this.#witness.broken.unless(!wrong, `${asked} got 503, not ${expected.join(' or ')}`)
    return answer
  }
}

function isSound(member: string, value: unknown): boolean {
  if (NUMBERS.includes(member)) return typeof value === 'number'
  if (TEXTS.includes(member)) return typeof value === 'string'
  if (member === 'activeBefore') return value === undefined || typeof value === 'number'
  if (member === 'replayed') return value === undefined
  return member !== 'device' || (typeof value === 'object' && value !== null && !Array.isArray(value))
}

async function redisVault(): Promise<Vault> {
  const redis = await startRedis()
  const client = createClient({ url: redis.url })
  client.on('error', () => {})
  await client.connect()
  return {
    backend: { kind: 'redis', at: redis.url },
    read: async key => String(await client.get(key)),
    plant: (key, value) => client.set(key, value, { PX: 60_000 }),
    plantOther: async key => {
      await client.del(key)
      await client.lPush(key, '{"revoked":false}')
    },
    close: () => {
      client.destroy()
      return redis.kill()
    },
  }
}

async function sqliteVault(): Promise<Vault> {
  const { folder, remove } = await temporaryFolder()
  const path = join(folder, 'tokens.sqlite')
  const open = () => sqliteDriver()(path)
  return {
    backend: { kind: 'sqlite', at: path },
    read: async key => {
      const database = open()
      const row = database.prepare('SELECT value FROM koa_authx WHERE key = ?').get(key) as { value: string }
      database.close()
      return row.value
    },
    plant: async (key, value) => {
      const database = open()
      const sql = `INSERT OR REPLACE INTO koa_authx (key, value, expires) VALUES (?, CAST(x'${value.toString('hex')}' AS TEXT), ?)`
      database.prepare(sql).run(key, Date.now() + 60_000)
      database.close()
    },
    close: remove,
  }
}

async function postgresVault(): Promise<Vault> {
  const server = await startPostgres()
  const client = new pg.Client(server.url)
  await client.connect()
  const put = `INSERT INTO koa_authx VALUES ($1, $2, now() + interval '1 minute')
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires`
  return {
    backend: { kind: 'postgres', at: server.url },
    read: async key => {
      const { rows } = await client.query<{ value: Buffer }>('SELECT value FROM koa_authx WHERE key = $1', [key])
      return String(rows[0]?.value)
    },
    plant: (key, value) => client.query(put, [key, value]),
    close: async () => {
      await client.end()
      await server.stop()
    },
  }
}
