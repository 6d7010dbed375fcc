import type { Context, Middleware } from 'koa'
import { AuthXClient } from 'koa-authx/client'
import { renderToString } from 'react-dom/server'
import { AuthProvider, RequireLogin } from './react/auth.js'

/** The page `/`, rendered with what the API of `api`, such as `https://api.example.com`, answers for its visitor. */
export function pages(api: string): Middleware {
  return async (ctx, next) => {
    if (ctx.path !== '/') return next()
    const client = clientOf(ctx, api)
    const response = await client.fetch('/notes')
    const { notes } = response.ok ? ((await response.json()) as { notes: Note[] }) : { notes: [] }
    // The page belongs to one user, and its Set-Cookie lines too: no cache may keep it.
    ctx.set('Cache-Control', 'private, no-store')
    ctx.type = 'html'
    ctx.body = `<!doctype html>${renderToString(<Page client={client} notes={notes} />)}`
  }
}

/** A client for one request. It sends the cookies of the request, and hands those that it gets to the browser. */
export function clientOf(ctx: Context, api: string): AuthXClient {
  const cookies = new Map(pairsOf(ctx.get('Cookie')))
  const header = () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const fetchWithCookies = async (input: string | Request, init: RequestInit): Promise<Response> => {
    const { origin } = new URL(typeof input === 'string' ? input : input.url)
    if (origin !== new URL(api).origin) return fetch(input, init)
    const headers = new Headers(init.headers)
    headers.set('Cookie', header())
    const response = await fetch(input, { ...init, headers })
    for (const line of response.headers.getSetCookie()) {
      ctx.append('Set-Cookie', line)
      const [name, value] = pairsOf(line)[0] ?? ['', '']
      if (/; *max-age=0(;|$)/i.test(line)) cookies.delete(name)
      else cookies.set(name, value)
    }
    return response
  }
  return new AuthXClient({ tokens: 'cookies', baseUrl: api, fetch: fetchWithCookies, cookies: header, tabs: false })
}

/** Names and values of `a=b; c=d`. */
function pairsOf(text: string): [name: string, value: string][] {
  return [...text.matchAll(/(?:^|; *)([^=;]+)=([^;]*)/g)].map(([, name = '', value = '']) => [name, value])
}

interface Note {
  readonly id: number
  readonly text: string
}

function Page({ client, notes }: { client: AuthXClient; notes: readonly Note[] }) {
  return (
    <html lang="en">
      <head>
        <title>Notes</title>
      </head>
      <body>
        <AuthProvider client={client}>
          <RequireLogin loading="One moment" login={<a href="/login">Log in</a>}>
            <ul>
              {notes.map(({ id, text }) => (
                <li key={id}>{text}</li>
              ))}
            </ul>
          </RequireLogin>
        </AuthProvider>
      </body>
    </html>
  )
}
