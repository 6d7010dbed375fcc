import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { REPOSITORY } from '../../tools/site/manifest.js'
import { root } from '../examples/programs.js'
import { MAJORS } from '../nodes/node-binary.js'
import { docs } from './all-pages.js'

const manifest = JSON.parse(read('package.json')) as {
  homepage: string
  bugs: string
  files: string[]
}

const workflows = filesBelow('.github/workflows')

test('package.json is the one place that decides where the repository is; the other addresses follow it', () => {
  const [, owner, name] = /^https:\/\/github\.com\/([\w-]+)\/([\w-]+)$/.exec(REPOSITORY) ?? []
  assert.ok(owner && name, REPOSITORY)
  assert.equal(manifest.bugs, `${REPOSITORY}/issues`)
  assert.equal(manifest.homepage, `https://${owner}.github.io/${name}/`)
  const files = [
    'README.md',
    'SECURITY.md',
    'SUPPORT.md',
    'CONTRIBUTING.md',
    'CODE_OF_CONDUCT.md',
    'CHANGELOG.md',
    'ARCHITECTURE.md',
    ...docs,
    ...filesBelow('.github'),
  ]
  for (const file of files) {
    for (const [address] of read(file).matchAll(/https:\/\/github\.com\/[\w-]+\/koa-authx\b/g))
      assert.equal(address, REPOSITORY, file)
    for (const [address] of read(file).matchAll(/https:\/\/[\w-]+\.github\.io\/koa-authx\b\/?/g))
      assert.equal(address, manifest.homepage, file)
  }
})

test('a change and a release are checked by .ci/run, and a change on every supported version of Node', () => {
  for (const name of ['ci', 'release']) assert.match(read(`.github/workflows/${name}.yml`), /run: \.ci\/run$/m, name)
  const [, versions] = /node: \[([^\]]*)\]/.exec(read('.github/workflows/ci.yml')) ?? []
  assert.deepEqual(versions?.split(', '), MAJORS)
})

test('the site is built from main by the command of .ci/run, and the folder with it is what is published', () => {
  const workflow = read('.github/workflows/site.yml')
  assert.match(workflow, /^ {2}push:\n {4}branches: \[main\]$/m)
  assert.match(workflow, /run: npm ci$.*run: npm run docs:site$.*path: tools\/site\/dist$/ms)
  assert.match(read('.ci/run'), /^npm run docs:site$/m)
})

test('no workflow has more rights than it names, and none has a secret', () => {
  for (const file of workflows) {
    assert.match(read(file), /^permissions:/m, file)
    assert.doesNotMatch(read(file), /secrets\./, file)
  }
})

test('whoever reports an error is told to leave secrets out, and where to report a vulnerability', () => {
  const form = read('.github/ISSUE_TEMPLATE/bug.yml')
  assert.match(form, /Leave out secrets/)
  assert.match(form, /Report a vulnerability/)
  assert.match(form, /There is no key, password or valid token in this text\.\n\s+required: true/)
})

test('a page that an error message names is in the package', () => {
  const sources = ['src', 'stores', 'client'].flatMap(filesBelow)
  const code = sources.map(file => read(file).replaceAll(/^\s*(\*|\/\/|\/\*).*$/gm, '')).join('\n')
  const named = new Set(code.match(/\bdocs\/[\w/-]+\.md\b/g))
  assert.ok(named.size > 0)
  for (const page of named) assert.ok(manifest.files.includes(page), page)
})

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.\w+$/.test(name))
    .map(name => `${folder}/${name}`)
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}
