import { readFileSync } from 'node:fs'
import Router from '@koa/router'

const here = (file: string) => new URL(file, import.meta.url)

const FILES = {
  '/': here('index.html'),
  '/page.js': here('page.js'),
  // The package in one file, as the global variable SimpleWebAuthnBrowser. With a bundler, import the package instead.
  '/simplewebauthn.js': new URL('../dist/bundle/index.umd.min.js', import.meta.resolve('@simplewebauthn/browser')),
}

/** Serves the page, its script and @simplewebauthn/browser. */
export function pageRouter(): Router {
  const router = new Router()
  for (const [path, file] of Object.entries(FILES)) {
    const content = readFileSync(file)
    router.get(path, ctx => {
      // Other sites must not show the page in a frame, and trick users into confirming something.
      ctx.set('Content-Security-Policy', "default-src 'self'; base-uri 'none'; frame-ancestors 'none'")
      ctx.type = file.pathname.endsWith('.html') ? 'html' : 'js'
      ctx.body = content
    })
  }
  return router
}
