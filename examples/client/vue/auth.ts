import type { AuthXClient, ClientState } from 'koa-authx/client'
import { type InjectionKey, inject, type Plugin, type Ref, shallowRef } from 'vue'

interface Auth {
  readonly client: AuthXClient
  readonly state: Readonly<Ref<ClientState>>
  /** Different for each login. */
  readonly logins: Readonly<Ref<number>>
}

const AUTH: InjectionKey<Auth> = Symbol('auth')

/** A plugin: `createApp(App).use(auth(client))`. */
export const auth =
  (client: AuthXClient): Plugin =>
  app => {
    const state = shallowRef(client.getState())
    const logins = shallowRef(0)
    const stops = [
      client.subscribe(() => {
        state.value = client.getState()
      }),
      client.on('login', () => {
        logins.value += 1
      }),
    ]
    app.onUnmount(() => {
      for (const stop of stops) stop()
    })
    app.provide(AUTH, { client, state, logins })
  }

export function useAuth(): Auth {
  const found = inject(AUTH)
  if (!found) throw new Error('useAuth needs app.use(auth(client))')
  return found
}
