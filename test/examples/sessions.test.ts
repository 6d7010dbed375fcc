import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { audit } from 'koa-authx'
import { Client } from './client.js'

process.env.PORT = '0'
const { app, server } = await import('../../examples/sessions.js')

interface Listed {
  sid: string
  current: boolean
  createdAt: string
  lastActiveAt: string
  device: { userAgent?: string; ip?: string }
}

/** Somebody logged in on one device. */
class Device {
  #client: Client
  #access = ''

  constructor(client: Client) {
    this.#client = client
  }

  async login(userAgent: string): Promise<void> {
    const form = { username: 'test', password: 'test' }
    const { body } = await this.#client.post('/login', { json: form, headers: { 'User-Agent': userAgent } })
    this.#access = String(body.access_token)
  }

  get #bearer() {
    return { headers: { Authorization: `Bearer ${this.#access}` } }
  }

  async sessions(): Promise<Listed[]> {
    return Object.values((await this.#client.get('/sessions', this.#bearer)).body) as Listed[]
  }

  async status(): Promise<number> {
    return (await this.#client.get('/protected', this.#bearer)).status
  }

  post = async (path: string) => (await this.#client.post(path, this.#bearer)).status
  delete = async (path: string) => (await this.#client.delete(path, this.#bearer)).status
}

async function deviceOf(userAgent: string): Promise<Device> {
  const device = new Device(await Client.of(server))
  await device.login(userAgent)
  return device
}

describe('examples/sessions.ts', () => {
  after(() => server.close())

  test('guards all but login, refresh and logout', () => {
    assert.deepEqual(audit(app).unprotected, ['POST /login', 'POST /refresh', 'POST /logout'])
    assert.deepEqual(audit(app).unsafe, [])
  })

  test('lists where one is logged in, and says which of it is here', async () => {
    const laptop = await deviceOf('laptop')
    const phone = await deviceOf('phone')
    const seen = await laptop.sessions()
    assert.deepEqual(new Set(seen.map(({ device }) => device.userAgent)), new Set(['laptop', 'phone']))
    assert.deepEqual(
      seen.filter(({ current }) => current).map(({ device }) => device.userAgent),
      ['laptop'],
    )
    assert.deepEqual(
      (await phone.sessions()).filter(({ current }) => current).map(({ device }) => device.userAgent),
      ['phone'],
    )
    for (const { createdAt, lastActiveAt, device } of seen) {
      assert.ok(Date.parse(createdAt) <= Date.parse(lastActiveAt))
      assert.equal(device.ip, '127.0.0.1')
    }
    assert.equal(await laptop.post('/sessions/revoke-all'), 204)
  })

  test('ends one session at once', async () => {
    const [laptop, phone] = [await deviceOf('laptop'), await deviceOf('phone')]
    const other = (await laptop.sessions()).find(({ current }) => !current)
    assert.equal(await laptop.delete(`/sessions/${other?.sid}`), 204)
    assert.deepEqual([await laptop.status(), await phone.status()], [200, 401])
    assert.equal(await laptop.delete(`/sessions/${other?.sid}`), 404)
    assert.equal(await laptop.delete('/sessions/unknown'), 404)
    assert.equal(await laptop.post('/sessions/revoke-all'), 204)
  })

  test('ends all sessions but this one', async () => {
    const [laptop, phone, tablet] = [await deviceOf('laptop'), await deviceOf('phone'), await deviceOf('tablet')]
    assert.equal(await laptop.post('/sessions/revoke-others'), 204)
    assert.deepEqual([await laptop.status(), await phone.status(), await tablet.status()], [200, 401, 401])
    assert.deepEqual(
      (await laptop.sessions()).map(({ current }) => current),
      [true],
    )
    assert.equal(await laptop.post('/sessions/revoke-all'), 204)
  })

  test('ends all sessions, and a login after it is good', async () => {
    const [laptop, phone] = [await deviceOf('laptop'), await deviceOf('phone')]
    assert.equal(await laptop.post('/sessions/revoke-all'), 204)
    assert.deepEqual([await laptop.status(), await phone.status()], [401, 401])
    await laptop.login('laptop')
    assert.equal(await laptop.status(), 200)
  })
})
