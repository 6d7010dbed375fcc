/** The script of the demo page: it reacts to events of the login, and runs the actions of buttons and forms. */
import { actionsOf, listSessions, takeNoticed } from './actions.js'
import { client, keepsCookies, LoginOver, mode, refresh } from './api.js'
import { clearCode, sendForms } from './forms.js'
import { MODES, refusal, SAYS } from './sentences.js'
import { forgetClaims, learnClaims } from './token.js'
import { $, showBusy, showInside, tell } from './view.js'

// Events of the login, in this tab and in other tabs.

client.on('login', ({ elsewhere }) => {
  if (!keepsCookies()) return tell(SAYS.noCookies, { bad: true })
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
  leave(why)
})

async function enter({ focus }) {
  const { sub } = await learnClaims()
  showInside(true, { focus, name: sub })
  await listSessions(run)
}

function leave(why) {
  forgetClaims()
  clearCode()
  showInside(false, { focus: true, why: why && (takeNoticed() ?? why) })
}

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

function report(error) {
  if (!(error instanceof LoginOver)) tell(refusal(error), { bad: true })
}

for (const [id, action] of Object.entries(actionsOf(run))) $(id).addEventListener('click', () => run(action))
sendForms(run)

// The start.

for (const link of document.querySelectorAll('[data-mode]')) {
  if (link.dataset.mode === mode) link.ariaCurrent = 'page'
}
$('mode-says').textContent = MODES[mode].intro
$('where').textContent = MODES[mode].where
$('other-mode').href = `?tokens=${mode === 'dual' ? 'cookies' : 'dual'}`
$('forge').hidden = mode !== 'cookies'

async function showStore() {
  const { where } = await (await fetch('/demo/store')).json()
  if (where) $('store').textContent = SAYS.store(where)
}
showStore().catch(report)

await run(async () => {
  if (!client.loggedIn) {
    tell(SAYS.out)
    return showInside(false)
  }
  // The user comes back after the page was closed during a refresh.
  const isBack = location.hash === '#back'
  history.replaceState(null, '', location.pathname + location.search)
  if (isBack) await refresh()
  await enter({ focus: false })
  tell(isBack ? SAYS.back : SAYS.stillIn)
})
// If the server did not answer, show the login form.
if ($('inside').hidden) $('login').hidden = false
