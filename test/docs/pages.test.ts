import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, test } from 'node:test'
import { Program, root } from '../examples/programs.js'
import { type Block, blocksOf, complaintsAbout, projectFor, readPage } from '../support/markdown.js'

const pages = readdirSync(join(root, 'docs'))
  .filter(name => name.endsWith('.md'))
  .map(name => `docs/${name}`)

/** Programs, each with what the page says that it prints. */
function printing(blocks: readonly Block[]): [program: string, printed: string][] {
  return blocks.flatMap(({ language, code }, n) => {
    const next = blocks[n + 1]
    return language === 'ts' && code.includes('console.log(') && next?.language === '' ? [[code, next.code]] : []
  })
}

for (const page of pages) {
  describe(page, () => {
    const text = readPage(page)
    const blocks = blocksOf(text)

    test('has code that compiles', async t => {
      assert.equal(await complaintsAbout(t, blocks), '')
    })

    for (const [n, [program, printed]] of printing(blocks).entries()) {
      test(`has a program (${n + 1}) that prints what it says`, async t => {
        const folder = await projectFor(t)
        writeFileSync(join(folder, 'program.mts'), program)
        const started = new Program('./program.mts', folder)
        assert.equal(await started.exitCode(), 0, started.stderr)
        assert.equal(started.stdout, printed)
        assert.equal(started.stderr, '')
      })
    }

    test('links to files and headings that there are', () => {
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [file = '', heading] = target.split('#')
        const path = file === '' ? page : posix.join(posix.dirname(page), file)
        assert.ok(existsSync(join(root, path)), target)
        if (heading !== undefined && path.endsWith('.md'))
          assert.ok(headingsOf(readPage(path)).includes(heading), target)
      }
    })
  })
}

/** Headings as GitHub makes anchors of them. */
function headingsOf(text: string): string[] {
  const headings = text.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
