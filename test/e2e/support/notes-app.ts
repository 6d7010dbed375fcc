import type { RequestListener } from 'node:http'
import Router from '@koa/router'
import Koa from 'koa'
import type { AuthXClientOptions } from 'koa-authx/client'
import { koaBody } from 'koa-body'
import type { AuthXOptions } from '../../../src/index.js'
import { bundlePage, type Plugin } from '../../support/bundle.js'
import { svelteComponents, vueComponents } from '../../support/components.js'
import { type PageApp, pageApp } from './page-app.js'

export type Framework = 'react' | 'vue' | 'svelte'

const ENTRIES: Readonly<Record<Framework, string>> = {
  react: 'examples/client/react/main.tsx',
  vue: 'examples/client/vue/main.ts',
  svelte: 'examples/client/svelte/main.ts',
}

export interface NotesApp extends PageApp {
  /** `/notes-app` is the page of the recipe; all else is answered as by `pageApp`. */
  readonly listener: RequestListener
  /** How often the notes were read. */
  readonly reads: () => number
}

export interface NotesAppOptions extends AuthXOptions {
  /** Default: the client of the recipe as it stands, which has `tokens: 'cookies'`. */
  client?: AuthXClientOptions
}

/** Serves the recipe for a framework, with the notes that its page shows. Each user has notes of their own. */
export async function notesApp(framework: Framework, { client, ...options }: NotesAppOptions = {}): Promise<NotesApp> {
  const api = pageApp(client?.tokens === 'dual' ? 'dual' : 'cookies', options)
  const script = await scriptOf(framework, client)
  const router = new Router()
  router.get('/notes-app', ctx => {
    ctx.body = PAGE
  })
  router.get('/notes-app.js', ctx => {
    ctx.type = 'text/javascript'
    ctx.body = script
  })
  let reads = 0
  const notes = new Map<string, { id: number; text: string }[]>()
  router.all('/notes', api.authx.accessTokenRequired(), koaBody(), ctx => {
    const { sub } = ctx.state.token
    if (ctx.method === 'GET') reads += 1
    const own = notes.get(sub) ?? []
    if (ctx.method === 'POST') notes.set(sub, own.concat({ id: own.length, text: Object(ctx.request.body).text }))
    ctx.body = { notes: notes.get(sub) ?? [] }
  })
  const own = new Koa().use(api.authx.middleware()).use(router.routes()).callback()
  const rest = api.app.callback()
  const listener: RequestListener = (request, response) =>
    void (request.url?.startsWith('/notes') ? own : rest)(request, response)
  return Object.assign(api, { listener, reads: () => reads })
}

const scripts = new Map<string, Promise<string>>()

function scriptOf(framework: Framework, client: AuthXClientOptions | undefined): Promise<string> {
  const name = framework + JSON.stringify(client)
  const script =
    scripts.get(name) ?? bundlePage(ENTRIES[framework], [svelteComponents, vueComponents, clientOf(client)])
  scripts.set(name, script)
  return script
}

/** Puts another client in place of the recipes'. */
const clientOf = (options: AuthXClientOptions | undefined): Plugin => ({
  name: 'another client',
  setup: build =>
    options &&
    build.onLoad({ filter: /examples\/client\/client\.ts$/ }, async () => ({
      contents: `import { AuthXClient } from 'koa-authx/client'\nexport const client = new AuthXClient(${JSON.stringify(options)})`,
      loader: 'ts',
    })),
})

const PAGE = `<!doctype html>
<title>Notes</title>
<div id="app"></div>
<script type="module" src="/notes-app.js"></script>
`
