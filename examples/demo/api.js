/** The requests of the demo page. The client of the library sends them. */
import { AuthXClient } from './client/index.js'

export const mode = new URLSearchParams(location.search).get('tokens') === 'dual' ? 'dual' : 'cookies'
export const baseUrl = `/demo/${mode}`

const refreshCsrfCookieName = `demo_${mode}_refresh_csrf`

/** Where the page goes as soon as it has sent a refresh, whose response the server loses: see lost-answer.ts. */
let leavingFor

export const client = new AuthXClient({
  tokens: mode,
  baseUrl,
  accessCsrfCookieName: `demo_${mode}_access_csrf`,
  refreshCsrfCookieName,
  fetch: (url, init) => (leavingFor ? leaveWhileSending(`${url}?lose`, init) : fetch(url, init)),
})

function leaveWhileSending(url, init) {
  const response = fetch(url, init)
  location.assign(leavingFor)
  return response
}

/** Whether the browser stores the cookies of this server. */
export const keepsCookies = () => document.cookie.includes(refreshCsrfCookieName)

/** The login has ended. The client has already told its listeners so, and why. */
export class LoginOver extends Error {}

/** Refreshes. Throws LoginOver if the login has ended, which is not an error of the page. */
export async function refresh() {
  await client.refresh().catch(error => {
    throw client.loggedIn ? error : new LoginOver()
  })
}

/** Leaves the page while a refresh is running. The response to the refresh never arrives. */
export async function leaveMidRefresh(url) {
  leavingFor = url
  await client.refresh().catch(() => {})
  leavingFor = undefined
}

/** The JSON response of a route of the demo. */
export async function ask(path, init) {
  const response = await client.fetch(path, init)
  // The token is not expired, because then the client would have refreshed. A refresh shows whether the session has
  // ended. It does not help if the user has to give a code.
  if (response.status === 401) {
    const { error_type } = await response
      .clone()
      .json()
      .catch(() => ({}))
    if (error_type !== 'FreshTokenRequiredError') await refresh()
  }
  return answerOf(response)
}

/** A request with JSON in its body. */
export const json = (method, body) => ({
  method,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
})

/** The JSON of a response. Rejects with status, error type and message if the server refused. */
export async function answerOf(response) {
  const body = await response.json().catch(() => ({}))
  if (response.ok) return body
  throw Object.assign(new Error(body.message), { status: response.status, errorType: body.error_type })
}
