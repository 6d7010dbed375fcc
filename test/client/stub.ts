import { AuthXClient, type AuthXClientOptions } from 'koa-authx/client'

export const json = (body: unknown, status = 200) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } })
export const tokenOf = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`

/** A client of a server that answers what no server of the library would. `asked`: the paths of its requests. */
export function clientOf(
  tokens: 'cookies' | 'headers',
  answer: (path: string) => Response | Promise<Response>,
  more: Partial<AuthXClientOptions> = {},
) {
  const asked: string[] = []
  const client = new AuthXClient({
    tokens,
    baseUrl: 'http://api.example',
    cookies: () => 'csrf_refresh_token=one; csrf_access_token=two',
    fetch: async input => {
      const { pathname } = new URL(String(input))
      asked.push(pathname)
      return answer(pathname)
    },
    ...more,
  })
  return { client, asked, count: (path: string) => asked.filter(one => one === path).length }
}
