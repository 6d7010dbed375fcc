import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { newFolder, pack, root, step } from './project.js'

/** Whoever packs: what they may create, and what their machine says of place and time. */
const PACKERS = [
  { umask: 0o022, env: { TZ: 'UTC', LC_ALL: 'C' } },
  { umask: 0o077, env: { TZ: 'Asia/Kolkata', LC_ALL: 'de_DE.UTF-8' } },
]

/** The tarball of these sources, which two packers have made in fresh folders, one after the other: the same bytes. */
export function packReproducibly(): string {
  const [tarball = '', ...others] = PACKERS.map(packAs)
  step('The same sources make the same tarball: in another folder, later, with another umask, time zone and language')
  for (const other of others) assert.equal(sha512(other), sha512(tarball))
  return tarball
}

function packAs({ umask, env }: (typeof PACKERS)[number]): string {
  const before = process.umask(umask)
  try {
    return pack(freshSources(), env)
  } finally {
    process.umask(before)
  }
}

/** What git has of the work tree, as `git clone` would lay it: with the modes that the umask leaves, and dated now. */
function freshSources(): string {
  const sources = newFolder('sources')
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  for (const file of listed.toString().split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(sources, file)), { recursive: true })
    writeFileSync(join(sources, file), readFileSync(join(root, file)))
  }
  symlinkSync(join(root, 'node_modules'), join(sources, 'node_modules'), 'dir')
  return sources
}

function sha512(file: string): string {
  return createHash('sha512').update(readFileSync(file)).digest('base64')
}
