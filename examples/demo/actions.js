/** The actions of the buttons. */
import { answerOf, ask, baseUrl, client, leaveMidRefresh, mode, refresh } from './api.js'
import { pay, showCode } from './forms.js'
import { MODES, refusal, SAYS } from './sentences.js'
import { $, showSessions, tell } from './view.js'

/** The refusal that the thief got. The page itself only learns that its session has ended. */
let noticed

export function takeNoticed() {
  const taken = noticed
  noticed = undefined
  return taken
}

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

export async function listSessions(run) {
  const sessions = await ask('/sessions')
  showSessions(sessions, session => run(() => endSession(session, run)))
  return sessions
}

async function endSession({ sid, device }, run) {
  const { status } = await client.fetch(`/sessions/${sid}`, { method: 'DELETE' })
  tell(status === 404 ? SAYS.alreadyOver : SAYS.revoked(device.name))
  await listSessions(run)
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

async function setRole(role) {
  await ask(`/user/role/${role}`, { method: 'PUT' })
  tell(SAYS.role[role])
}

async function deleteUser() {
  await ask('/user', { method: 'DELETE' })
  tell(SAYS.deleted)
}

/** The action of each button. `run` runs one action at a time. */
export const actionsOf = run => ({
  refresh,
  call,
  change,
  forge,
  copy: letThiefCopy,
  'use-up': refreshTwice,
  use: letThiefUse,
  reader: () => setRole('reader'),
  editor: () => setRole('editor'),
  'delete-user': deleteUser,
  pay,
  'show-code': showCode,
  close: () => leaveMidRefresh(`/demo/closed?tokens=${mode}`),
  update: async () => tell(SAYS.updated((await listSessions(run)).length)),
  logout: logOut,
  'logout-all': logOutEverywhere,
})
