import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asDeveloped, evaluate, OURS, project, run, step } from './project.js'

/** A program whose store loads a package that is not in the bundle. */
const PROGRAM = `
  import { RedisTokenStore } from 'koa-authx/stores/redis'
  const store = new RedisTokenStore('redis://127.0.0.1:1')
  store.get(['key']).catch(String).then(async answer => {
    await store.close()
    if (!/ECONNREFUSED/.test(answer)) throw new Error(answer)
  })
`
const FORMATS = { 'module.mjs': true, 'commonjs.cjs': false }

/** Code that bundles the program with a bundler of the project. */
const webpack = (path: string, filename: string, isModule: boolean) => `
  require('webpack')({
    mode: 'production', target: 'node20', entry: './program.mjs',
    experiments: { outputModule: ${isModule} },
    output: { path: '${path}', filename: '${filename}', module: ${isModule}, chunkFormat: '${isModule ? 'module' : 'commonjs'}' },
  }, (error, stats) => {
    if (error) throw error
    if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString())
  })`
const rollup = (path: string, filename: string, isModule: boolean) => `
  const { nodeResolve } = require('@rollup/plugin-node-resolve')
  const plugins = [nodeResolve({ preferBuiltins: true }), require('@rollup/plugin-commonjs')(), require('@rollup/plugin-json')()]
  require('rollup').rollup({ input: 'program.mjs', plugins }).then(bundle =>
    bundle.write({ file: '${path}/${filename}', format: '${isModule ? 'es' : 'cjs'}', inlineDynamicImports: true }))`

/**
 * Bundles a program with webpack and Rollup, and runs the bundles in another project, which alone has the package that
 * the store loads. What was bundled, as lines.
 */
export function checkBundlers(tarball: string): string[] {
  const plugins = ['node-resolve', 'commonjs', 'json'].map(name => `@rollup/plugin-${name}`)
  const path = project('bundlers', [tarball, 'webpack@5', 'rollup@4', ...plugins])
  const beside = project('bundled', asDeveloped(['@keyv/redis']))
  writeFileSync(join(path, 'program.mjs'), PROGRAM)
  const done: string[] = []
  for (const [bundler, code] of Object.entries({ webpack, rollup }))
    for (const [format, isModule] of Object.entries(FORMATS)) {
      const file = `${bundler}-${format}`
      step(`${bundler}: ${file}`)
      evaluate(path, 'commonjs', code(beside, file, isModule), OURS)
      run(OURS.node, [join(beside, file)], path)
      done.push(`${bundler}: ran ${file}, which finds a package beside it`)
    }
  return done
}
