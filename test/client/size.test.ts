import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { bundleClient } from '../support/bundle.js'
import { readPage } from '../support/markdown.js'

/** Bytes, compressed. */
const LIMIT = 7000

test('the client is as small as its page says, minified and compressed', async () => {
  const script = await bundleClient({ minify: true })
  const [, minified, compressed] =
    /(\d+\.\d) kB minified, (\d+\.\d) kB compressed/.exec(readPage('docs/client.md')) ?? []
  // Compressors differ by some bytes.
  assert.ok(Buffer.byteLength(script) <= Number(minified) * 1000, `${Buffer.byteLength(script)} bytes`)
  assert.ok(gzipSync(script).length <= Number(compressed) * 1000, `${gzipSync(script).length} bytes compressed`)
  assert.ok(gzipSync(script).length <= LIMIT, 'larger than agreed')
})
