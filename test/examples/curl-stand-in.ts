/** As much of curl as the lines of our pages and of the example server use; anything else is an error. */
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    silent: { type: 'boolean', short: 's' },
    'show-error': { type: 'boolean', short: 'S' },
    'write-out': { type: 'string', short: 'w', default: '' },
    request: { type: 'string', short: 'X' },
    data: { type: 'string', short: 'd', multiple: true },
    header: { type: 'string', short: 'H', multiple: true, default: [] },
    cookie: { type: 'string', short: 'b' },
    'cookie-jar': { type: 'string', short: 'c' },
  },
})
const [url, ...more] = positionals
if (!url || more.length > 0) throw new Error('curl stand-in: one url')

/** Cookies by name: a line of Netscape's format each. Domains and paths are not looked at. */
const jar = new Map(linesOf(values.cookie).map(line => [line.split('\t')[5] ?? '', line]))
const cookies = [...jar.values()].map(line => line.split('\t').slice(5).join('='))

const body = values.data?.join('&')
const isForm = body !== undefined && !values.header.some(line => /^content-type:/i.test(line))
// Not `fetch`: it follows redirects and says that a script sends the request.
const outgoing = request(url, {
  agent: false,
  method: values.request ?? (body === undefined ? 'GET' : 'POST'),
  headers: {
    accept: '*/*',
    ...(isForm && { 'content-type': 'application/x-www-form-urlencoded' }),
    ...(cookies.length > 0 && { cookie: cookies.join('; ') }),
    ...Object.fromEntries(
      values.header.map(line => line.split(/: (.*)/s, 2)).map(([name, value]) => [name?.toLowerCase(), value]),
    ),
  },
}).end(body)
const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
if (values['cookie-jar'] !== undefined) {
  for (const line of response.headers['set-cookie'] ?? []) keep(line)
  writeFileSync(values['cookie-jar'], [...jar.values(), ''].join('\n'))
}
const writeOut = values['write-out'].replaceAll('\\n', '\n').replaceAll('%{http_code}', String(response.statusCode))
process.stdout.write((await text(response)) + writeOut)

function linesOf(file: string | undefined): string[] {
  if (file === undefined || !existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line.includes('\t'))
}

function keep(setCookie: string): void {
  const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(setCookie) ?? []
  const domain = /; httponly/i.test(setCookie) ? '#HttpOnly_localhost' : 'localhost'
  const [, expires] = /; expires=([^;]*)/i.exec(setCookie) ?? []
  if (expires !== undefined && Date.parse(expires) <= Date.now()) jar.delete(name)
  else jar.set(name, [domain, 'FALSE', '/', 'TRUE', '0', name, value].join('\t'))
}
