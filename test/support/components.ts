/** Compiles components of Svelte and Vue for esbuild, each with the compiler of its framework. */
import { readFile } from 'node:fs/promises'
import { compile } from 'svelte/compiler'
import { compileScript, parse } from 'vue/compiler-sfc'
import type { Plugin } from './bundle.js'

export const svelteComponents: Plugin = {
  name: 'components of Svelte',
  setup: build =>
    build.onLoad({ filter: /\.svelte$/ }, async ({ path }) => {
      const { js, warnings } = compile(await readFile(path, 'utf8'), { filename: path, dev: true })
      if (warnings.length > 0) throw new Error(warnings.map(({ message }) => `${path}: ${message}`).join('\n'))
      return { contents: js.code, loader: 'js' }
    }),
}

export const vueComponents: Plugin = {
  name: 'components of Vue',
  setup: build =>
    build.onLoad({ filter: /\.vue$/ }, async ({ path }) => {
      const { descriptor, errors } = parse(await readFile(path, 'utf8'), { filename: path })
      if (errors.length > 0) throw new Error(errors.map(({ message }) => `${path}: ${message}`).join('\n'))
      return { contents: compileScript(descriptor, { id: path, inlineTemplate: true }).content, loader: 'ts' }
    }),
}
