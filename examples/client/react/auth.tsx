import type { AuthXClient } from 'koa-authx/client'
import { createContext, Fragment, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from 'react'

const Client = createContext<AuthXClient | undefined>(undefined)

export function AuthProvider({ client, children }: { client: AuthXClient; children: ReactNode }) {
  return <Client value={client}>{children}</Client>
}

export function useClient(): AuthXClient {
  const client = useContext(Client)
  if (!client) throw new Error('useClient needs an AuthProvider above it')
  return client
}

export function useAuth() {
  const { subscribe, getState } = useClient()
  return useSyncExternalStore(subscribe, getState, getState)
}

interface RequireLoginProps {
  /** Shown while it is not known whether there is a login. */
  loading: ReactNode
  /** Shown without a login. The address stays, so the page that the user wanted appears after the login. */
  login: ReactNode
  children: ReactNode
}

export function RequireLogin({ loading, login, children }: RequireLoginProps) {
  const client = useClient()
  const { status } = useAuth()
  const [logins, setLogins] = useState(0)
  useEffect(() => client.on('login', () => setLogins(count => count + 1)), [client])
  if (status === 'loading') return loading
  if (status === 'unauthenticated') return login
  // Another tab may log in as another user: with the new key, nothing stays that belongs to the user before.
  return <Fragment key={logins}>{children}</Fragment>
}
