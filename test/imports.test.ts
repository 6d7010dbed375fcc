import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { cycles, importGraph, importsOf, readSources } from './support/import-graph.js'
import * as layers from './support/layers.js'

interface Manifest {
  readonly dependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
  readonly peerDependenciesMeta: Record<string, { optional: boolean }>
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
const optionalPeers = Object.keys(manifest.peerDependenciesMeta)

describe('the sources', () => {
  const sources = readSources(['src', 'stores', 'client'])
  const graph = importGraph(sources)

  test('are all read, and import nothing that is not there', () => {
    assert.ok(
      graph.has('src/store.ts') &&
        graph.has('src/index.ts') &&
        graph.has('stores/memory.ts') &&
        graph.has('client/index.ts'),
    )
    assert.deepEqual(layers.danglingImports(graph), [])
  })

  test('import each other in no circle', () => {
    assert.deepEqual(cycles(graph), [])
  })

  test('stand in the layers, and import only what stands above them', () => {
    assert.deepEqual(layers.filesOutsideLayers(graph), [])
    assert.deepEqual(layers.downwardImports(graph), [])
  })

  test('of the library know no store, and stores know of the library only what is made for both', () => {
    assert.deepEqual(layers.misplacedStoreImports(graph), [])
  })

  test('of the client stand alone', () => {
    assert.deepEqual(layers.clientImports(graph), [])
  })

  test('sign tokens in src/token only, see Koa only where a request is, and need no optional peer in src', () => {
    assert.deepEqual(layers.misplacedPackages(graph, optionalPeers), [])
  })

  test('import only packages that users of the library have', () => {
    assert.deepEqual(layers.undeclaredPackages(graph, declared), [])
  })

  test('call the store in src/session only', () => {
    assert.deepEqual(layers.storeCallers(sources), [])
  })
})

describe('the reader of imports', () => {
  test('sees every form of import and export, types too', () => {
    const source = `
      import a, { type b } from './a.js'
      import type { c } from "./c.js"
      import {
        d,
        e,
      } from './d.js'
      import './f.js'
      export * from './g.js'
      export type { h } from './h.js'
      type I = import('./i.js').I
      const j = await import('./j.js')
      const k = require('./k.js')
      export const l = 1
      import * as m from './m.js'
    `
    const names = ['a', 'c', 'd', 'g', 'h', 'm', 'f', 'i', 'j', 'k'].map(name => `./${name}.js`)
    assert.deepEqual(importsOf(source), names)
  })

  test('takes no comment for an import', () => {
    const source = `
      // import './a.js'
      /* export * from './b.js' */
      /** {@link import('./c.js')} */
    `
    assert.deepEqual(importsOf(source), [])
  })

  test('is not led astray by comment signs in strings, templates and regular expressions', () => {
    const hiding = ["'/*'", '"//"', '`/* //`', '/[/*]/', '/a\\/*b/', "'it\\'s /*'", "/['/*]/"]
    for (const code of hiding) {
      assert.deepEqual(importsOf(`const x = ${code}; import './a.js' /* end */`), ['./a.js'], code)
    }
  })
})

describe('the rules of imports', () => {
  const graph = (files: Record<string, readonly string[]>) => new Map(Object.entries(files))

  test('notice a circle of any length, and one that is only entered from outside', () => {
    assert.deepEqual(cycles(graph({ a: ['a'] })), ['a -> a'])
    assert.deepEqual(cycles(graph({ z: ['a'], a: ['b'], b: ['c'], c: ['a'] })), ['a -> b -> c -> a'])
  })

  test('take two ways to one file for no circle', () => {
    assert.deepEqual(cycles(graph({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] })), [])
  })

  test('notice an import from a lower layer, and allow the upper layers and the own folder', () => {
    const found = layers.downwardImports(
      graph({
        'src/errors.ts': ['src/store.ts'],
        'src/token/verify.ts': ['src/errors.ts', 'src/token/keys.ts', 'src/session/sessions.ts'],
        'src/authx.ts': ['src/koa/guards.ts', 'src/index.ts'],
        'src/index.ts': ['src/authx.ts', 'src/errors.ts', 'src/router/index.ts', 'src/testing/index.ts'],
        'src/router/index.ts': ['src/authx.ts'],
      }),
    )
    assert.deepEqual(found, [
      'src/errors.ts -> src/store.ts',
      'src/token/verify.ts -> src/session/sessions.ts',
      'src/authx.ts -> src/index.ts',
      'src/index.ts -> src/router/index.ts',
      'src/index.ts -> src/testing/index.ts',
    ])
  })

  test('notice a file that stands in no layer', () => {
    const files = graph({ 'src/helpers.ts': [], 'src/tokens/a.ts': [], 'src/token/a.ts': [], 'stores/redis.ts': [] })
    assert.deepEqual(layers.filesOutsideLayers(files), ['src/helpers.ts', 'src/tokens/a.ts'])
  })

  test('notice an import of a file that is not there', () => {
    const files = graph({ 'src/index.ts': ['src/gone.ts', 'koa', 'src/errors.ts'], 'src/errors.ts': ['../above.ts'] })
    assert.deepEqual(layers.danglingImports(files), ['src/index.ts -> src/gone.ts', 'src/errors.ts -> ../above.ts'])
  })

  test('notice a store known to the library, also by its public name, and a store that knows too much', () => {
    const found = layers.misplacedStoreImports(
      graph({
        'src/authx.ts': ['stores/memory.ts', 'koa-authx/stores/redis'],
        'stores/memory.ts': ['src/store.ts', 'src/errors.ts', 'stores/keyv.ts', 'src/session/sessions.ts'],
        'stores/redis.ts': ['src/time/deadline.ts', 'src/config/nearest.ts', 'src/config/values.ts'],
      }),
    )
    assert.deepEqual(found, [
      'src/authx.ts -> stores/memory.ts',
      'src/authx.ts -> koa-authx/stores/redis',
      'stores/memory.ts -> src/session/sessions.ts',
      'stores/redis.ts -> src/config/values.ts',
    ])
  })

  test('notice a client that needs something, and a library that needs the client', () => {
    const found = layers.clientImports(
      graph({
        'client/client.ts': ['client/error.ts', 'src/errors.ts', 'node:fs', 'koa-authx'],
        'src/index.ts': ['client/index.ts', 'koa-authx/client', 'src/errors.ts', 'koa'],
        'stores/redis.ts': ['client/json.ts'],
      }),
    )
    assert.deepEqual(found, [
      'client/client.ts -> src/errors.ts',
      'client/client.ts -> node:fs',
      'client/client.ts -> koa-authx',
      'src/index.ts -> client/index.ts',
      'src/index.ts -> koa-authx/client',
      'stores/redis.ts -> client/json.ts',
    ])
  })

  test('notice jsonwebtoken outside src/token, Koa outside a request, and an optional peer in src', () => {
    const found = layers.misplacedPackages(
      graph({
        'src/token/sign.ts': ['jsonwebtoken', 'koa'],
        'src/koa/guards.ts': ['koa', 'jsonwebtoken', 'koa-body'],
        'src/index.ts': ['koa-body/lib/index.js', '@koa/router'],
        'src/router/auth-router.ts': ['@koa/router', '@keyv/redis', 'co-body', 'koa-body'],
        'stores/redis.ts': ['@keyv/redis', 'jsonwebtoken', 'koa'],
      }),
      ['co-body', 'koa-body', '@koa/router', '@keyv/redis'],
    )
    assert.deepEqual(found, [
      'src/token/sign.ts -> koa',
      'src/koa/guards.ts -> jsonwebtoken',
      'src/koa/guards.ts -> koa-body',
      'src/index.ts -> koa-body/lib/index.js',
      'src/index.ts -> @koa/router',
      'src/router/auth-router.ts -> @keyv/redis',
      'src/router/auth-router.ts -> co-body',
      'src/router/auth-router.ts -> koa-body',
      'stores/redis.ts -> jsonwebtoken',
      'stores/redis.ts -> koa',
    ])
  })

  test('notice a package that package.json does not name', () => {
    const files = graph({ 'src/a.ts': ['node:fs', 'crypto', 'keyv', '@keyv/redis/dist', 'ms'], 'stores/b.ts': ['tsx'] })
    const found = layers.undeclaredPackages(files, ['keyv', '@keyv/redis'])
    assert.deepEqual(found, ['src/a.ts -> ms', 'stores/b.ts -> tsx'])
  })

  test('notice a call of the store outside src/session, and none in a comment', () => {
    const found = layers.storeCallers(
      new Map([
        ['src/session/sessions.ts', 'await store.compareAndSet(key, a, b, c)'],
        ['src/testing/conformance.ts', 'await store.get([key])'],
        ['src/koa/guards.ts', 'await options.store?.get([key])'],
        ['src/authx.ts', 'await this.#backend.compareAndSet(key, a, b, c)'],
        ['src/store.ts', 'compareAndSet(key: string): Promise<boolean> // store.get(keys)'],
        ['stores/keyv.ts', 'return this.#inner.compareAndSet(key)'],
      ]),
    )
    assert.deepEqual(found, ['src/koa/guards.ts', 'src/authx.ts'])
  })
})
