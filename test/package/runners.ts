import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RunnerProject, runnerProjects } from '../support/runner-projects.js'
import { OURS, project, run, step, type Tools } from './project.js'

/** The project that docs/testing.md prints for a test runner, with the packages that the page says to install. */
export function runnerProject(title: string, tarball: string): { printed: RunnerProject; path: string } {
  const printed = runnerProjects().find(each => each.title === title)
  assert.ok(printed, `docs/testing.md has the part ${title}`)
  const packages = printed.packages.map(name => (name === 'koa-authx' ? tarball : name))
  const path = project(title, packages)
  const isCommonJs = printed.lines.includes('npm pkg set type=commonjs')
  const isTranslated = printed.files.has('jest.config.js')
  if (isTranslated || !isCommonJs) writeFiles(path, printed.files)
  if (isCommonJs) writeFiles(join(path, 'required'), withRequire(printed.files))
  return { printed, path }
}

/** Runs the lines that the page prints: the last of them runs the tests. */
export function runPrinted(path: string, { title, lines }: RunnerProject, tools: Tools = OURS): void {
  for (const line of lines) {
    step(`${title}: ${line}`)
    run('sh', ['-c', line], path, tools)
  }
}

function writeFiles(path: string, files: ReadonlyMap<string, string>): void {
  mkdirSync(path, { recursive: true })
  for (const [name, code] of files) writeFileSync(join(path, name), code)
}

/** The application and its tests as a CommonJS project writes them. */
function withRequire(files: ReadonlyMap<string, string>): Map<string, string> {
  const own = [...files].filter(([name]) => name.startsWith('app.'))
  return new Map(
    own.map(([name, code]) => [
      name,
      code
        .replaceAll(/^import (.+) from (.+)$/gm, 'const $1 = require($2)')
        .replace(/^export function (\w+)/m, 'module.exports = { $1 }\nfunction $1'),
    ]),
  )
}
