import { join } from 'node:path'
import { fetchPackage } from '../nodes/from-npm.js'
import { startRedis } from '../support/redis.js'
import { asDeveloped, OPTIONAL_PEERS, OURS, project, type Tools } from './project.js'
import { runQuickstart, type StoreInUse } from './quickstart.js'

interface Runtime {
  readonly title: string
  readonly tools: Tools
}

/** Bun and Deno run the quickstart on each store. What each has done, as a line. */
export async function checkRuntimes(tarball: string): Promise<string[]> {
  const redis = await startRedis()
  try {
    const stores: StoreInUse[] = [
      { name: 'MemoryTokenStore', entry: 'stores/memory', args: '' },
      { name: 'SqliteTokenStore', entry: 'stores/sqlite', args: "'tokens.sqlite'" },
      { name: 'RedisTokenStore', entry: 'stores/redis', args: `'${redis.url}'` },
    ]
    const done: string[] = []
    for (const { title, tools } of [bun(), deno()]) {
      console.log(`\n=== ${title} ===`)
      const path = project(title, [tarball, ...asDeveloped(['koa', ...OPTIONAL_PEERS])])
      for (const store of stores) await runQuickstart(path, tools, store)
      done.push(`${title}: served the quickstart on memory, SQLite and Redis`)
    }
    return done
  } finally {
    await redis.stop()
  }
}

function bun(): Runtime {
  const { version, folder } = fetchPackage(`@oven/bun-${process.platform}-${process.arch}`, '1')
  return { title: `Bun ${version}`, tools: { ...OURS, node: join(folder, 'bin/bun') } }
}

function deno(): Runtime {
  const platform = `${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`
  const { version, folder } = fetchPackage(`@deno/${platform}`, '2')
  const runArgs = ['run', '--allow-all', '--quiet']
  return { title: `Deno ${version}`, tools: { ...OURS, node: join(folder, 'deno'), runArgs } }
}
