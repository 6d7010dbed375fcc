/** As much of curl as the lines of the README and of the example server use; anything else is an error. */
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    silent: { type: 'boolean', short: 's' },
    'write-out': { type: 'string', short: 'w', default: '' },
    request: { type: 'string', short: 'X' },
    data: { type: 'string', short: 'd', multiple: true },
    header: { type: 'string', short: 'H', multiple: true, default: [] },
  },
})
const [url, ...more] = positionals
if (!url || more.length > 0) throw new Error('curl stand-in: one url')

const body = values.data?.join('&')
const response = await fetch(url, {
  method: values.request ?? (body === undefined ? 'GET' : 'POST'),
  headers: [
    ...(body === undefined ? [] : [['content-type', 'application/x-www-form-urlencoded'] as [string, string]]),
    ...values.header.map(line => line.split(/: (.*)/s).slice(0, 2) as [string, string]),
  ],
  ...(body !== undefined && { body }),
})
const writeOut = values['write-out'].replaceAll('\\n', '\n').replaceAll('%{http_code}', String(response.status))
process.stdout.write((await response.text()) + writeOut)
