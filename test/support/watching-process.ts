/** Watches a socket and a stream that stay open, and has nothing else to do: `fork` it, and it has to end by itself. */
import { EventEmitter } from 'node:events'
import { AuthX } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { TEST_SECRET } from './api-server.js'

class IdleSocket extends EventEmitter {
  close(): void {}
}

const authx = new AuthX({ secretKey: TEST_SECRET, store: new MemoryTokenStore() })
const { access_token } = await authx.createTokenPair('ada')
authx.closeWhenOver(new IdleSocket(), await authx.verifyToken(access_token))
authx.closeWhenOver(new IdleSocket(), { ...(await authx.verifyToken(access_token)), exp: 1 })
authx.abortWhenOver(await authx.verifyToken(access_token))
process.disconnect?.()
