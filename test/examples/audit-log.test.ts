import assert from 'node:assert/strict'
import { after, describe, mock, test } from 'node:test'
import { Client, claimsOf } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/audit-log.js')

describe('examples/audit-log.ts', () => {
  after(() => server.close())

  test('writes a line for each event, and tells the user once about each new device', async t => {
    const log = mock.method(console, 'log', () => {})
    t.after(() => log.mock.restore())
    const client = await Client.of(server)
    const credentials = { username: 'test', password: 'test' }
    const loginWith = (userAgent: string) =>
      client.post('/login', { json: credentials, headers: { 'user-agent': userAgent } })
    const { access_token: token } = (await loginWith('a laptop')).body
    await loginWith('a laptop')
    await loginWith('a phone')
    await loginWith('a phone')
    await client.post('/logout', { token })
    await client.get('/protected', { token })
    await client.get('/protected', { token: `${token}x` })

    const printed = log.mock.calls.map(({ arguments: [line] }) => String(line))
    const notices = printed.filter(line => line.startsWith('To '))
    assert.deepEqual(notices, [
      'To test: new login with a phone from 127.0.0.1. If this was not you, change your password.',
    ])
    const lines = printed.filter(line => !notices.includes(line)).map(line => JSON.parse(line))
    const about = { sub: 'test', sid: claimsOf(token).sid }
    for (const { time } of lines) assert.ok(Date.parse(time))
    assert.deepEqual(
      lines.map(({ time: _, ...rest }) => rest).filter(({ event }) => event !== 'issued'),
      [
        { event: 'revoked', ...about },
        { event: 'refused', reason: 'ERR_TOKEN_REVOKED', ...about },
        { event: 'refused', reason: 'ERR_TOKEN_SIGNATURE' },
      ],
    )
    const [first, ...logins] = lines.filter(({ event }) => event === 'issued')
    assert.equal(logins.length, 3)
    assert.deepEqual([first.sid, first.device], [about.sid, { userAgent: 'a laptop', ip: '127.0.0.1' }])
  })
})
