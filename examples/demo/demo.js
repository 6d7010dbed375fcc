/** The script of the demo page: the actions of its buttons, and the reactions to events. */
import { AuthXClient } from './client/index.js'
import { MODES, refusal, SAYS } from './sentences.js'
import { $, showBusy, showClaims, showInside, showLife, showSessions, tell } from './view.js'

const mode = new URLSearchParams(location.search).get('tokens') === 'dual' ? 'dual' : 'cookies'
const baseUrl = `/demo/${mode}`

const refreshCsrfCookieName = `demo_${mode}_refresh_csrf`

const client = new AuthXClient({
  tokens: mode,
  baseUrl,
  accessCsrfCookieName: `demo_${mode}_access_csrf`,
  refreshCsrfCookieName,
})

/** Claims of the access token, once known, and its end in milliseconds on the clock of this machine. */
let claims
let endsAt = 0
let saidThatItRanOut = false
/** The refusal that the thief got. The page itself only learns that its session has ended. */
let noticed

// Events of the login, in this tab and in other tabs.

client.on('login', ({ elsewhere }) => {
  if (!document.cookie.includes(refreshCsrfCookieName)) return tell(SAYS.noCookies, { bad: true })
  tell(elsewhere ? SAYS.loginElsewhere : MODES[mode].login)
  enter({ focus: !elsewhere }).catch(report)
})

client.on('refresh', ({ elsewhere }) => {
  tell(elsewhere ? MODES[mode].refreshElsewhere : SAYS.refresh)
  learnClaims().catch(report)
})

client.on('logout', ({ elsewhere, reason }) => {
  const why = reason && refusal({ errorType: reason })
  if (why) tell(`${why} ${SAYS.over}`, { bad: true })
  else if (elsewhere) tell(SAYS.logoutElsewhere)
  leave(why && (noticed ?? why))
})

async function enter({ focus }) {
  await learnClaims()
  showInside(true, { focus, name: claims.sub })
  await listSessions()
}

function leave(why) {
  claims = undefined
  noticed = undefined
  showInside(false, { focus: true, why })
}

async function learnClaims() {
  const before = claims
  claims = client.claims ?? (await ask('/claims'))
  if (claims.jti === before?.jti) return
  // The clock of this machine may differ from the server's clock.
  endsAt = Date.now() + (claims.exp - claims.iat) * 1000
  saidThatItRanOut = false
  showClaims(claims, before)
  tick()
}

function tick() {
  if (!claims) return
  const left = (endsAt - Date.now()) / 1000
  showLife(claims.exp - claims.iat, left)
  if (left > 0 || saidThatItRanOut) return
  saidThatItRanOut = true
  tell(SAYS.expired)
}
setInterval(tick, 250)

// The actions of the buttons.

async function call() {
  const { sub } = await ask('/protected')
  tell(SAYS.called(sub))
}

async function change() {
  await ask('/protected', { method: 'POST' })
  tell(MODES[mode].changed)
}

/** Sends the request like another site can: with the cookies, but without the CSRF value. */
async function forge() {
  await answerOf(await fetch(`${baseUrl}/protected`, { method: 'POST' }))
}

async function listSessions() {
  const sessions = await ask('/sessions')
  showSessions(sessions, session => run(() => endSession(session)))
  return sessions
}

async function endSession({ sid, device }) {
  const { status } = await client.fetch(`/sessions/${sid}`, { method: 'DELETE' })
  tell(status === 404 ? SAYS.alreadyOver : SAYS.revoked(device.name))
  await listSessions()
  $('sessions-title').focus()
}

async function logOut() {
  await client.logout()
  tell(SAYS.logout)
}

async function logOutEverywhere() {
  await ask('/logout-everywhere', { method: 'POST' })
  // All tokens are already revoked. This clears the cookies, and informs the other tabs.
  await client.logout()
  tell(SAYS.logoutAll)
}

async function letThiefCopy() {
  await ask('/thief/copy', { method: 'POST' })
  tell(SAYS.copied)
}

async function refreshTwice() {
  await refresh()
  await refresh()
  tell(SAYS.twice)
}

async function letThiefUse() {
  const { outcome, error_type } = await ask('/thief/use', { method: 'POST' })
  if (outcome !== 'refused') return tell(SAYS.thief[outcome])
  noticed = refusal({ errorType: error_type })
  tell(`${SAYS.thief.refused} ${noticed}`, { bad: true })
  await call()
}

const ACTIONS = {
  refresh,
  call,
  change,
  forge,
  copy: letThiefCopy,
  'use-up': refreshTwice,
  use: letThiefUse,
  update: async () => tell(SAYS.updated((await listSessions()).length)),
  logout: logOut,
  'logout-all': logOutEverywhere,
}

for (const [id, action] of Object.entries(ACTIONS)) $(id).addEventListener('click', () => run(action))

$('login-form').addEventListener('submit', event => {
  event.preventDefault()
  run(() => client.login(Object.fromEntries(new FormData(event.target))))
})

/** Runs one action at a time, with all buttons disabled, and reports errors. */
let running = false
async function run(action) {
  if (running) return
  running = true
  showBusy(true)
  await action().catch(report)
  running = false
  showBusy(false)
}

class LoginOver extends Error {}

function report(error) {
  // The client has already told its listeners that the login has ended, and why.
  if (!(error instanceof LoginOver)) tell(refusal(error), { bad: true })
}

/** Refreshes. Throws LoginOver if the login has ended, which is not an error of the page. */
async function refresh() {
  await client.refresh().catch(error => {
    throw client.loggedIn ? error : new LoginOver()
  })
}

/** The JSON response of a route of the demo. */
async function ask(path, init) {
  const response = await client.fetch(path, init)
  // The token is not expired, because then the client would have refreshed. A refresh shows whether the session has
  // ended.
  if (response.status === 401) await refresh()
  return answerOf(response)
}

/** The JSON of a response. Rejects with status, error type and message if the server refused. */
async function answerOf(response) {
  const body = await response.json().catch(() => ({}))
  if (response.ok) return body
  throw Object.assign(new Error(body.message), { status: response.status, errorType: body.error_type })
}

// The start.

for (const link of document.querySelectorAll('[data-mode]')) {
  if (link.dataset.mode === mode) link.ariaCurrent = 'page'
}
$('mode-says').textContent = MODES[mode].intro
$('where').textContent = MODES[mode].where
$('other-mode').href = `?tokens=${mode === 'dual' ? 'cookies' : 'dual'}`
$('forge').hidden = mode !== 'cookies'

await run(async () => {
  if (!client.loggedIn) {
    tell(SAYS.out)
    return showInside(false)
  }
  await enter({ focus: false })
  tell(SAYS.stillIn)
})
// If the server did not answer, show the login form.
if ($('inside').hidden) $('login').hidden = false
