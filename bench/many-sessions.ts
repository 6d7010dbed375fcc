import { workIn } from './backend-work.js'
import { type Backends, KINDS, type Kind, NAMES, WARM_UP } from './backends.js'
import { backendBytes } from './footprint.js'
import { Bench } from './measure.js'
import { rowNamed } from './rows/index.js'

/** A backend with so many sessions that nobody uses at the moment. */
export interface ManySessions {
  readonly store: string
  readonly sessions: number
  /** For each session. */
  readonly bytes: number
  /** CPU time of the backend for a guarded request, microseconds. */
  readonly cpu: number
}

/** What a login leaves, with other ids. Logins themselves would take an hour. */
const RECORD = JSON.stringify({
  sub: 'user000000',
  gen: 0,
  createdAt: 1_795_971_278_547,
  rotatedAt: 1_795_971_278_547,
  lastActiveAt: 1_795_971_278_547,
  expiresAt: 1_803_747_278_547,
  endsAt: 1_797_699_278_000,
  keptUntil: 1_797_699_878_000,
  jti: '5c5e9e9f-7cce-4b66-9af8-01a9f9b41f3f',
  iat: 1_795_971_278,
  exp: 1_797_699_278,
  authTime: 1_795_971_278,
  device: {},
  cutoff: 0,
})
const LIST = '[["dc54126e-fa52-4bee-a616-c7ef83d9ce8e",1803747278547]]'
const HOUR_MS = 3_600_000
const BATCH = 5000

export async function manySessions(
  counts: readonly number[],
  seconds: number,
  backends: Backends,
): Promise<ManySessions[]> {
  const results: ManySessions[] = []
  for (const kind of KINDS)
    for (const sessions of counts) results.push(await withSessions(kind, sessions, seconds, backends))
  return results
}

async function withSessions(kind: Kind, sessions: number, seconds: number, backends: Backends): Promise<ManySessions> {
  const row = rowNamed(NAMES[kind])
  const bench = new Bench(backends)
  try {
    await bench.loadBoth(row, WARM_UP)
    const before = await backendBytes(kind, backends)
    await FILL[kind](sessions, backends)
    const bytes = ((await backendBytes(kind, backends)) - before) / sessions
    const { cpu } = await workIn(bench, row, kind, seconds, backends)
    return { store: NAMES[kind], sessions, bytes, cpu }
  } finally {
    await bench.stop()
  }
}

/** The keys are as long as those of sessions and of subjects' lists. */
const FILL_REDIS = `
  for n = ARGV[1], ARGV[1] + ARGV[2] - 1 do
    local id = redis.sha1hex(n)
    redis.call('SET', 'authx:session:' .. id:sub(1, 36), ARGV[3], 'PX', ARGV[5])
    redis.call('SET', 'authx:sessions:' .. id .. 'abc', ARGV[4], 'PX', ARGV[5])
  end`

const FILL = {
  async redis(sessions: number, { redis }: Backends): Promise<void> {
    // In parts: a script that runs for long keeps everybody waiting.
    for (let done = 0; done < sessions; done += BATCH) {
      const count = String(Math.min(BATCH, sessions - done))
      await redis.command('EVAL', FILL_REDIS, '0', String(done), count, RECORD, LIST, String(HOUR_MS))
    }
  },
  async postgres(sessions: number, { postgres }: Backends): Promise<void> {
    const rows = (key: string, value: string) =>
      `INSERT INTO koa_authx SELECT ${key}, '${value}', now() + interval '1 hour' FROM generate_series(1, ${sessions})`
    await postgres.query(rows("'authx:session:' || gen_random_uuid()", RECORD))
    await postgres.query(rows("'authx:sessions:' || md5(random()::text) || 'abcdefghijk'", LIST))
    await postgres.query('VACUUM ANALYZE koa_authx')
  },
}
