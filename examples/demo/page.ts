import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Router from '@koa/router'
import type { Context } from 'koa'
import { clientModule } from './client-modules.js'

const FILES = {
  '/': 'index.html',
  '/demo/closed': 'closed.html',
  ...under('/demo/', [
    'base.css',
    'parts.css',
    'layout.css',
    'demo.js',
    'actions.js',
    'api.js',
    'forms.js',
    'token.js',
    'view.js',
    'sentences.js',
    'closed.js',
    'icon.svg',
  ]),
}

/** Allows only the files of the page: no inline scripts, no other sites. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

const HEADERS = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
}

export function pageRoutes(): Router {
  const router = new Router()
  for (const [path, file] of Object.entries(FILES)) {
    const content = readFileSync(join(import.meta.dirname, file))
    router.get(path, ctx => {
      send(ctx, file, content)
    })
  }
  router.get('/demo/client/:name', async ctx => {
    const { name = '' } = ctx.params
    const module = await clientModule(name)
    if (module !== undefined) send(ctx, name, module)
  })
  return router
}

function under(folder: string, files: readonly string[]): Record<string, string> {
  return Object.fromEntries(files.map(file => [folder + file, file]))
}

function send(ctx: Pick<Context, 'set' | 'type' | 'body'>, name: string, content: string | Buffer): void {
  ctx.set(HEADERS)
  ctx.type = name
  ctx.body = content
}
