import { cookiesOf } from './cookies.js'
import { type Listeners, listenersOf } from './events.js'
import { AuthXClientError, FINAL, isSafe, post, refusalIn, type Secrets } from './http.js'
import * as machine from './machine.js'
import type { Settings } from './options.js'
import { attempt, bounded, ignore, monotonicMs, named, page } from './page.js'
import { secretsOf } from './secrets.js'
import { keptIn } from './storage.js'
import { leftMs, timerOf } from './timer.js'
import { turnsOf } from './turns.js'

/** Short, because a refresh without a response must be repeated well before the grace period ends. */
const FIRST_REFRESH_MS = 3000
/** How long a login keeps others from refreshing. A refresh that overtakes a slower login is aborted when that ends. */
const LOGIN_TURN_MS = 1000

/** What the client knows, and what it does about it. */
export interface Session {
  readonly settings: Settings
  readonly listeners: Listeners
  /** Resolves when it is known whether there is a login. */
  readonly ready: Promise<void>
  known(): machine.Known
  /** Returns what is known, after a look at the cookies, unless this takes time. */
  now(): machine.Known
  /** Posts credentials, JSON. Resolves to the body of the response. */
  login(credentials: string): Promise<Record<string, unknown>>
  /** Refreshes, or joins a refresh that is under way. */
  refresh(): Promise<void>
  logout(isLocal: boolean | undefined): Promise<void>
  /**
   * Makes sure that a request can be sent: with a token, and not with one that is about to end.
   * @throws the error of a refresh that was necessary and failed for a temporary reason; an error named `AbortError` if
   * another login has begun during a refresh or, for a method that changes data, is noticed now.
   */
  prepare(method?: string): Promise<void>
  /**
   * Refreshes, unless the tokens were already renewed since. Resolves to undefined if another login has begun or this
   * one has ended: then a request must not be sent again. Otherwise: where the tokens were renewed.
   */
  renew(since: machine.Known): Promise<'here' | 'elsewhere' | undefined>
  /** The headers for a request with the access token: several, if there are several CSRF values to try. */
  secretsFor(method: string): readonly Secrets[]
  /** Refreshes by itself from now on, or no longer. */
  automate(is: boolean): void
  close(): void
}

export function sessionOf(settings: Settings): Session {
  const { tokens: mode, storage, refreshMarginSeconds } = settings
  const kept = keptIn(settings)
  const listeners = listenersOf()
  const cookies = cookiesOf(settings, () => {
    set(machine.afterCookies(known, cookies.valuesOf('refresh'), isLoggingIn))
  })
  const secrets = secretsOf(settings, cookies)
  let known = machine.START
  /** Whether a login of this client is under way. Cookies that change now are its own. */
  let isLoggingIn = false
  let refreshing: Promise<void> | undefined
  let stop: AbortController | undefined
  /** The tokens with which the page got no readable CSRF cookie of an access token. */
  let unseen: machine.Tokens | undefined

  const isSame = (since: machine.Known) => machine.isSameLogin(known, since)
  const isIn = () => machine.isLoggedIn(known)
  /** Whether the access token is missing, for example after a reload. */
  const isMissing = () => mode !== 'cookies' && !known.tokens.access_token
  /** Whether the browser has deleted the access token: its CSRF cookie, which the page can read, is gone too. */
  const isDropped = () =>
    mode === 'cookies' && known.seen[0] && !cookies.valuesOf('access')[0] && known.tokens !== unseen
  const otherLogin = () => named('AbortError', 'Another login has begun')
  const stopIfOther = (since: machine.Known) => {
    if (isIn() && !isSame(since)) throw otherLogin()
  }

  const set = (next: machine.Known) => {
    const before = known
    known = next
    const { told, state } = next
    if (!isSame(before)) {
      timer.reset()
      stop?.abort(otherLogin())
    }
    if (told && told !== before.told) {
      const [type, { elsewhere, reason }] = told
      const id = machine.digestOf(type === 'logout' ? before : next)
      listeners.tell(...told)
      if (!elsewhere) turns.tell({ type, reason, id, expires_in: next.tokens.expires_in })
    }
    if (state !== before.state) listeners.tell('state')
    timer.set()
  }

  const lookNow = async () => cookies.read()
  /** Storage and cookies have as long as a login: perhaps they ask the user. */
  const inTime = <T>(work: () => T | Promise<T>) => bounded(work, settings['timeouts.login'])
  /** Reads the storage and the cookies. */
  const read = async () => {
    const since = known
    await inTime(async () => {
      const token = await kept.read()
      // What comes late is not of the login that has begun meanwhile.
      if (token && isSame(since)) set(machine.afterStorage(known, { refresh_token: token }))
    })
    await cookies.read()
  }
  const keep = async () => {
    if (storage) await inTime(() => kept.write(() => known.tokens.refresh_token))
  }

  const take = async (isLogin: boolean, since: machine.Known, posted: ReturnType<typeof post>) => {
    const [body, accepted] = await posted
    await cookies.read()
    set(machine.afterAnswer(known, since, isLogin, body, accepted[settings.refreshCsrfHeaderName], monotonicMs()))
    // The server has answered, whatever becomes of the storage. The login goes on in memory.
    await keep().catch(ignore)
    return body
  }
  const end = async (since: machine.Known, reason?: string) => {
    set(machine.afterEnd(known, since, reason))
    await keep().catch(ignore)
  }
  /**
   * Whether a login has ended: the refusal of a refresh says so, or it is known, or the readable CSRF cookie is gone. If
   * there is none, the client has asked the server from the beginning, or the login is doubtful.
   */
  const isOver = async (error: unknown, since: machine.Known) => {
    await cookies.read()
    const refusal = String(refusalIn(error))
    const isGone =
      !isIn() || (since.id && !known.tokens.csrf_token ? !known.seen.includes(since.id) : asks || known.isDoubtful)
    return machine.isLoggedIn(since) && (FINAL.test(refusal) || (isGone && refusal === 'MissingTokenError'))
  }

  const refresh = () => {
    refreshing ??= refreshInTurn().finally(() => {
      refreshing = undefined
      timer.refreshed()
    })
    return refreshing
  }
  const refreshInTurn = () => {
    const { tokens } = known
    return turns.take(async () => {
      await read()
      const since = known
      // Another tab has refreshed in the meantime: use its tokens.
      if (since.tokens !== tokens && isIn() && !isMissing()) return
      await refreshNow(since).catch(async error => {
        if (await isOver(error, since)) await end(since, refusalIn(error))
        throw error
      })
    })
  }
  const refreshNow = async (since: machine.Known) => {
    stop = attempt(() => new AbortController())
    const limitMs = settings['timeouts.refresh']
    const send = (timeoutMs: number) =>
      post(settings, 'refresh', secrets.refresh(since), undefined, timeoutMs, stop?.signal)
    // Perhaps the server has refreshed and only its response is lost. Within the grace period it sends the response
    // again.
    const posted = send(Math.min(limitMs, FIRST_REFRESH_MS)).catch(error => {
      if (error instanceof AuthXClientError || !isSame(since)) throw error
      return send(limitMs)
    })
    await take(false, since, posted)
  }
  const logoutNow = async (since: machine.Known) => {
    // After a local logout this client has forgotten the tokens, but the session may live.
    const send = (of = since) => post(settings, 'logout', secrets.both(of))
    await send().catch(async refusal => {
      if (!refusalIn(refusal)) throw refusal
      // The access token may have expired, and the path of the refresh cookie may not include the logout route. A
      // refresh gives a new access token, which the route may get.
      const error = await refreshNow(since).catch(error => error ?? refusal)
      if (error ? !(await isOver(error, since)) : !isSame(since)) throw refusal
      if (!error) await send(known)
    })
  }
  const renew: Session['renew'] = async since => {
    await cookies.read()
    if (!isSame(since)) return undefined
    if (known.tokens !== since.tokens) return 'elsewhere'
    await refresh().catch(error => {
      if (isSame(since) && (isIn() || !refusalIn(error))) throw error
    })
    return isSame(since) && isIn() ? 'here' : undefined
  }

  const timer = timerOf(settings, {
    known: () => known,
    isRefreshing: () => refreshing !== undefined,
    refresh,
    expired: () => listeners.tell('expired'),
  })
  const first = storage ? read() : attempt(cookies.read)
  const turns = turnsOf(settings, Promise.resolve(first).catch(ignore), async message => {
    await lookNow().catch(ignore)
    set(machine.afterMessage(known, message, mode === 'cookies', monotonicMs(), isLoggingIn))
  })
  const isRead = () => set(machine.afterReading(known))
  const asks = settings.csrf === 'origin' && mode !== 'headers'
  if (!first && !asks) isRead()
  const ready = Promise.resolve(first)
    .then(() => (asks && known.state === machine.START.state ? refresh().catch(ignore) : undefined))
    .finally(isRead)
  ready.catch(ignore)

  return {
    settings,
    listeners,
    ready,
    known: () => known,
    now() {
      if (!cookies.isSlow) cookies.read()
      return known
    },
    login: credentials =>
      turns.take(async () => {
        await cookies.read()
        set(machine.beforeLogin(known))
        const since = known
        isLoggingIn = true
        try {
          // The server ends the login that these headers belong to.
          return await take(true, since, post(settings, 'login', secrets.both(since).slice(0, 1), credentials))
        } catch (error) {
          // Cookies that have changed are not of this login.
          set(machine.afterCookies(known, since.seen, true))
          isLoggingIn = false
          await lookNow().catch(ignore)
          throw error
        } finally {
          isLoggingIn = false
        }
      }, LOGIN_TURN_MS),
    refresh,
    logout: (isLocal, before = known) =>
      turns.take(async () => {
        const unlessLocal = (error: unknown) => {
          if (!isLocal) throw error
        }
        await lookNow().catch(unlessLocal)
        // The login may have ended while this call waited for its turn.
        const since = isIn() ? known : before
        await logoutNow(since).catch(error => {
          unlessLocal(error)
          // After a reload, cookies that the server has not cleared would look like a login. The last ones have the
          // shortest path. Cookies with another value belong to another application of this origin.
          const id = known.seen.at(-1)
          if (!settings.cookies && id && id === since.id)
            for (const kind of ['access', 'refresh'] as const)
              (page.document as { cookie: string }).cookie = `${settings[`${kind}CsrfCookieName`]}=;path=/;max-age=0`
        })
        await lookNow().catch(unlessLocal)
        await end(since)
        // The session may live: what the storage keeps would be a login after a restart.
        if (isLocal) await keep()
      }),
    async prepare(method = 'GET') {
      const called = known
      await ready.catch(ignore)
      await cookies.read()
      const since = known
      if (!isSafe(method) && machine.isLoggedIn(called)) stopIfOther(called)
      const isNeeded = isMissing() || leftMs(since) <= 0
      if (!isIn() || !(isNeeded || isDropped() || leftMs(since, refreshMarginSeconds) < 0)) return
      await renew(since).then(
        () => {
          // Otherwise, every request would refresh.
          if (isDropped()) unseen = known.tokens
        },
        error => {
          if (isNeeded) throw error
        },
      )
      stopIfOther(since)
    },
    renew,
    secretsFor: method => secrets.access(method, known),
    automate: timer.automate,
    close() {
      timer.close()
      turns.close()
    },
  }
}
