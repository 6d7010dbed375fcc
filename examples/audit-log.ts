/**
 * An audit log, made from events: one line of JSON for each event. And a notice to the user for each login on a device
 * that the user has not used before.
 *
 *     npx tsx examples/audit-log.ts
 *     curl http://localhost:8000/login -d username=test -d password=test
 */
import { randomBytes } from 'node:crypto'
import { AuthX, type AuthXEvents, type Device, type EventName } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { createApp } from './app.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
  // The device of a login has its user agent and IP address.
  sessionTracking: true,
})

/** Events contain ids, error codes and the device. They never contain tokens. */
function record<Name extends EventName>(name: Name): void {
  authx.on(name, (about: AuthXEvents[Name]) => {
    console.log(JSON.stringify({ time: new Date().toISOString(), event: name, ...about }))
  })
}
for (const name of ['issued', 'revoked', 'allRevoked', 'reuse', 'refused'] as const) record(name)

/** The devices of each user, by user agent. A real application keeps them in its database. */
const devices = new Map<string, Set<string>>()

authx.on('issued', ({ sub, device }) => {
  // Tokens that are not from a login have no device.
  if (!device) return
  const name = nameOf(device)
  const known = devices.get(sub)
  if (!known) devices.set(sub, new Set([name]))
  else if (!known.has(name)) {
    known.add(name)
    notify(sub, device)
  }
})

const nameOf = ({ userAgent = 'unknown' }: Device) => String(userAgent)

/** Here the application sends an e-mail. */
function notify(sub: string, { userAgent, ip }: Device): void {
  console.log(`To ${sub}: new login with ${userAgent} from ${ip}. If this was not you, change your password.`)
}

// Login, refresh and logout are in app.ts.
export const server = createApp(authx).listen(Number(PORT), HOST)
