/** Compiled by `npm run types`, never run: sockets and requests as Node and ws type them. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { AuthX, refuseUpgrade } from '../../src/index.js'

declare const request: IncomingMessage
declare const socket: Duplex
declare const client: WebSocket

const typed = new AuthX<{ tenant: string; teams: string[] }>({})

typed.authenticateUpgrade(request, { origins: ['https://app.example'], locations: ['cookies', 'headers'] }).then(
  payload => {
    const { tenant, teams }: { tenant: string; teams: readonly string[] } = payload
    const stop: () => void = typed.closeWhenOver(client, payload, { within: '5s' })
    typed.closeWhenOver(client, payload)
    return { tenant, teams, stop }
  },
  error => refuseUpgrade(socket, error),
)

// @ts-expect-error: such a request has no body
typed.authenticateUpgrade(request, { locations: ['json'] })
// @ts-expect-error: a list, so that nobody writes a pattern
typed.authenticateUpgrade(request, { origins: 'https://app.example' })
// @ts-expect-error: the payload, not the token
typed.closeWhenOver(client, 'token')
// @ts-expect-error: a raw connection cannot say why it is closed
typed.closeWhenOver(socket, await typed.authenticateUpgrade(request))
