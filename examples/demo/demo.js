/** The page of the demo: what its buttons do, and what it says of it. */
import { AuthXClient } from './client/index.js'
import { MODES, refusal, SAYS } from './sentences.js'
import { $, showClaims, showInside, showLife, showSessions, tell } from './view.js'

const mode = new URLSearchParams(location.search).get('tokens') === 'dual' ? 'dual' : 'cookies'
const baseUrl = `/demo/${mode}`

const client = new AuthXClient({
  tokens: mode,
  baseUrl,
  accessCsrfCookieName: `demo_${mode}_access_csrf`,
  refreshCsrfCookieName: `demo_${mode}_refresh_csrf`,
})

/** The claims of the access token, once they are known, and when it ends on this machine's clock (milliseconds). */
let claims
let endsAt = 0
let saidThatItRanOut = false

// What happens to the login, here and in other tabs.

client.on('login', async ({ elsewhere }) => {
  tell(elsewhere ? SAYS.loginElsewhere : MODES[mode].login)
  await enter({ focus: !elsewhere })
})

client.on('refresh', async ({ elsewhere }) => {
  tell(elsewhere ? SAYS.refreshElsewhere : SAYS.refresh)
  await learnClaims()
})

client.on('logout', ({ elsewhere, reason }) => {
  if (reason) tell(`${refusal(reason)} ${SAYS.over}`, { bad: true })
  else tell(elsewhere ? SAYS.logoutElsewhere : SAYS.logout)
  leave({ focus: !elsewhere })
})

async function enter({ focus }) {
  await learnClaims()
  showInside(true, { focus, name: claims.sub })
  await listSessions()
}

function leave({ focus }) {
  claims = undefined
  showInside(false, { focus })
}

async function learnClaims() {
  const before = claims
  claims = client.claims ?? (await answerOf(await client.fetch('/claims')))
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
  const { sub } = await answerOf(await client.fetch('/protected'))
  tell(SAYS.called(sub))
}

async function change() {
  await answerOf(await client.fetch('/protected', { method: 'POST' }))
  tell(mode === 'cookies' ? SAYS.changed : SAYS.changedByHeader)
}

/** All that another site could do: make the browser send the request, and its cookies with it. */
async function forge() {
  await answerOf(await fetch(`${baseUrl}/protected`, { method: 'POST' }))
}

async function listSessions() {
  const sessions = await answerOf(await client.fetch('/sessions'))
  showSessions(sessions, session => run(() => endSession(session)))
  return sessions
}

async function endSession({ sid, device }) {
  const { status } = await client.fetch(`/sessions/${sid}`, { method: 'DELETE' })
  tell(status === 404 ? SAYS.alreadyOver : SAYS.revoked(device.name))
  await listSessions()
  $('sessions-title').focus()
}

async function logOutEverywhere() {
  await answerOf(await client.fetch('/sessions', { method: 'DELETE' }))
  tell(SAYS.logoutAll)
}

async function letThiefCopy() {
  await answerOf(await client.fetch('/thief/copy', { method: 'POST' }))
  tell(SAYS.copied)
}

async function refreshTwice() {
  await client.refresh()
  await client.refresh()
  tell(SAYS.twice)
}

async function letThiefUse() {
  const response = await client.fetch('/thief/use', { method: 'POST' })
  if (response.status === 409) return tell(SAYS.nothingToUse)
  const { outcome, error_type } = await answerOf(response)
  const refused = outcome === 'refused'
  tell(SAYS.thief[outcome] + (refused ? refusal({ errorType: error_type }) : ''), { bad: refused })
  if (refused) await client.fetch('/protected')
}

const ACTIONS = {
  refresh: () => client.refresh(),
  call,
  change,
  forge,
  copy: letThiefCopy,
  'use-up': refreshTwice,
  use: letThiefUse,
  update: async () => tell(SAYS.updated((await listSessions()).length)),
  logout: () => client.logout(),
  'logout-all': logOutEverywhere,
}

for (const [id, action] of Object.entries(ACTIONS)) $(id).addEventListener('click', () => run(action))

$('login-form').addEventListener('submit', event => {
  event.preventDefault()
  run(() => client.login(Object.fromEntries(new FormData(event.target))))
})

/** One after the other; what fails is told. */
let running = false
async function run(action) {
  if (running) return
  running = true
  document.body.ariaBusy = 'true'
  try {
    await action()
  } catch (error) {
    tell(refusal(error), { bad: true })
  } finally {
    running = false
    document.body.ariaBusy = 'false'
  }
}

/** The JSON of a response; rejects with what a refusal says. */
async function answerOf(response) {
  const body = await response.json().catch(() => ({}))
  if (response.ok) return body
  throw { status: response.status, errorType: body.error_type, message: body.message }
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
  if (!client.loggedIn) return leave({ focus: false })
  await enter({ focus: false })
  tell(SAYS.stillIn)
})
