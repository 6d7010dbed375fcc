/**
 * Runs the tests that speak of Redis on Valkey: `npm run test:valkey`, or `npm run test:valkey -- test/stores/redis.test.ts`
 * for some. Takes the program named in `REDIS_SERVER`, else valkey-server from the PATH, else Debian's.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findOnPath } from '../support/debian.js'
import { findRedisServer } from '../support/redis-binary.js'
import { exitWith, interruption, runNode } from '../support/run-files.js'
import { debianValkey } from './debian-valkey.js'

const named = process.argv.slice(2)
const server = process.env.REDIS_SERVER ? findRedisServer() : findOnPath(['valkey-server'])
const binary = server ?? debianValkey()
const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim()
if (!version.startsWith('Valkey ')) throw new Error(`${binary} is no Valkey: ${version}`)
console.log(version)

const args = ['--import', 'tsx', 'test/run.ts', ...(named.length > 0 ? named : filesOnRedis('test'))]
exitWith(runNode(args, { REDIS_SERVER: binary }, interruption()))

function filesOnRedis(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const tests = entries.filter(entry => entry.endsWith('.test.ts')).map(entry => join(folder, entry))
  return tests.filter(file => /redis/i.test(readFileSync(file, 'utf8'))).sort()
}
