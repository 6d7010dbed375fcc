import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from '../support/cache.js'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const HOW_TO = 'No valkey-server here: name one in REDIS_SERVER, or use Debian after apt-get update.'

/**
 * Debian's Valkey, unpacked and not installed: nothing on the machine changes, and nobody needs to be root. From the
 * backports too, where Debian 12 has it. What it links to comes with redis-server.
 */
export function debianValkey(): string {
  return join(cached('valkey', unpack), 'usr/bin/valkey-server')
}

function unpack(folder: string): string {
  const options = aptOptions(folder)
  run('apt-get', [...options, 'update'], folder)
  run('apt-get', [...options, 'download', 'valkey-server', 'valkey-tools'], folder)
  const root = join(folder, 'root')
  const packages = readdirSync(folder).filter(name => name.endsWith('.deb'))
  for (const name of packages) run('dpkg-deb', ['--extract', name, root], folder)
  return root
}

/** An apt of our own below `folder`, with the machine's mirror. */
function aptOptions(folder: string): string[] {
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  const listed = existsSync(KEYRING) ? read('apt-get', ['indextargets', '--format', '$(RELEASE) $(REPO_URI)']) : ''
  const mirror = listed.split('\n').find(line => line.startsWith(`${release} `))
  if (!mirror) throw new Error(HOW_TO)
  const uri = mirror.split(' ')[1]
  const sources = [release, `${release}-backports`].map(suite => `deb [signed-by=${KEYRING}] ${uri} ${suite} main\n`)
  writeFileSync(join(folder, 'sources.list'), sources.join(''))
  for (const needed of ['lists/partial', 'archives/partial']) mkdirSync(join(folder, needed), { recursive: true })
  const settings = {
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::Cache': folder,
    'APT::Sandbox::User': 'root',
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}

function run(command: string, args: readonly string[], cwd: string): void {
  // The output of apt goes to stderr: what the tests print is alone on stdout.
  execFileSync(command, args, { cwd, stdio: ['ignore', 2, 2] })
}

function read(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8' })
}
