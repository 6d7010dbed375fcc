/** The page of the demo: what its buttons do, and what it says of it. */
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

/** The claims of the access token, once they are known, and when it ends on this machine's clock (milliseconds). */
let claims
let endsAt = 0
let saidThatItRanOut = false
/** What the server said to the thief of this page's token, if it refused; the page itself only learns that it is out. */
let noticed

// What happens to the login, here and in other tabs.

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
  // The clock of this machine may be another than the server's.
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

// What the buttons do.

async function call() {
  const { sub } = await ask('/protected')
  tell(SAYS.called(sub))
}

async function change() {
  await ask('/protected', { method: 'POST' })
  tell(MODES[mode].changed)
}

/** All that another site could do: make the browser send the request, and its cookies with it. */
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
  // All tokens are refused by now; this clears the cookies, and tells the other tabs.
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

/** One at a time, while all buttons show that they wait; what fails is told. */
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
  // That the login is over, and why, the client has told its listeners.
  if (!(error instanceof LoginOver)) tell(refusal(error), { bad: true })
}

/** Refresh; that the login is over by now is no failure of the page. */
async function refresh() {
  await client.refresh().catch(error => {
    throw client.loggedIn ? error : new LoginOver()
  })
}

/** The JSON that a route of the demo answers. */
async function ask(path, init) {
  const response = await client.fetch(path, init)
  // Not for its age, for then the client has refreshed already. If its session is over, a refresh says so.
  if (response.status === 401) await refresh()
  return answerOf(response)
}

/** The JSON of a response; rejects with what a refusal says. */
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
// Where the server did not answer.
if ($('inside').hidden) $('login').hidden = false
