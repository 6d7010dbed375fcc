import { Client, cacheExchange, fetchExchange } from '@urql/core'
import { authExchange } from '@urql/exchange-auth'
import type { AuthXClient } from 'koa-authx/client'

/**
 * A GraphQL client with the tokens of `client`. A 401 never reaches it: `client.fetch` refreshes and sends the request
 * again. The exchange is for servers that answer unauthenticated requests with 200 and an error in the body.
 */
export function urqlFor(client: AuthXClient, url: string): Client {
  const renewing = authExchange(async () => ({
    addAuthToOperation: operation => operation,
    didAuthError: ({ graphQLErrors }) =>
      client.getState().status === 'authenticated' &&
      graphQLErrors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED'),
    refreshAuth: client.refresh,
  }))
  return new Client({
    url,
    fetch: client.fetch,
    preferGetMethod: false,
    exchanges: [cacheExchange, renewing, fetchExchange],
  })
}

/** Returns a function that returns the GraphQL client of the current login. Each login has a cache of its own. */
export function urqlOfLogin(client: AuthXClient, url: string): () => Client {
  let urql = urqlFor(client, url)
  const startAgain = () => {
    urql = urqlFor(client, url)
  }
  client.on('login', startAgain)
  client.on('logout', startAgain)
  return () => urql
}
