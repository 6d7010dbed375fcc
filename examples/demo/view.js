/** Renders the page. All texts are inserted as text, never as HTML. */

export const $ = id => document.getElementById(id)

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** Adds a line to the log, at the top. */
export function tell(text, { bad = false } = {}) {
  const now = new Date()
  const time = element('time', { dateTime: now.toISOString() }, now.toLocaleTimeString())
  $('log').prepend(element('li', { className: bad ? 'bad' : '' }, time, text))
  $('log').parentElement.scrollTop = 0
}

const clockTime = seconds => new Date(seconds * 1000).toLocaleTimeString()

/** Readable texts for some claims. */
const MEANINGS = {
  fresh: value => `${value} \u2013 issued ${value ? 'after a login' : 'by a refresh'}`,
  auth_time: value => `credentials given at ${clockTime(value)}`,
  scopes: value => value.join(', '),
  amr: value => value.join(', '),
  iat: value => `issued at ${clockTime(value)}`,
  nbf: value => `not before ${clockTime(value)}`,
  exp: value => `expires at ${clockTime(value)}`,
}

export function showClaims(claims, before = {}) {
  const rows = Object.entries(claims).map(([name, value]) => {
    const text = MEANINGS[name]?.(value) ?? String(value)
    const changed = before.jti !== undefined && String(before[name]) !== String(value)
    return [element('dt', {}, name), element('dd', { className: changed ? 'changed' : '' }, text)]
  })
  $('claims').replaceChildren(...rows.flat())
}

/** Shows the remaining time of the access token. `life` (total) and `left` are in seconds. */
export function showLife(life, left) {
  const over = left <= 0
  const seconds = Math.max(0, Math.ceil(left))
  $('clock').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  $('clock').classList.toggle('over', over)
  $('clock-says').textContent = over ? 'The token has expired' : 'until it expires'
  $('life').max = life
  $('life').value = Math.max(0, left)
}

const TOKENS = { cookies: 'tokens in cookies', dual: 'access token in memory' }
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

/** Relative time of a date: "this minute", "5 minutes ago", "yesterday". */
function ago(date) {
  const minutes = Math.floor((Date.now() - new Date(date)) / 60_000)
  if (minutes < 60) return relative.format(-Math.max(0, minutes), 'minute')
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? relative.format(-hours, 'hour') : relative.format(-Math.floor(hours / 24), 'day')
}

/** Lists the sessions, each with a button that ends it. The current session has none: it ends by logging out. */
export function showSessions(sessions, end) {
  $('sessions').replaceChildren(...sessions.map(session => sessionRow(session, end)))
}

function sessionRow(session, end) {
  const { device, lastActiveAt, createdAt, current } = session
  const kind = TOKENS[device.tokens] ?? ''
  const since = `logged in ${ago(createdAt)}`
  const about = `${kind}, ${device.ip}; last active ${ago(lastActiveAt)}, ${since}`
  const text = element('p', {}, device.name, element('small', {}, about))
  if (current) return element('li', {}, text, element('span', { className: 'here' }, 'this one'))
  const button = element('button', {}, 'End it')
  button.ariaLabel = `End it: the session on ${device.name}, ${kind}, ${since}`
  button.addEventListener('click', () => end(session))
  return element('li', {}, text, button)
}

/**
 * Shows an error beside a form, or none. The `fields` are marked as invalid and described by the error; the first one
 * gets the focus.
 */
export function showFormError(form, text = '', fields = []) {
  const error = form.querySelector('.error')
  error.textContent = text
  error.hidden = text === ''
  for (const input of form.querySelectorAll('input')) {
    const isWrong = fields.includes(input.name)
    input.ariaInvalid = String(isWrong)
    if (isWrong) input.setAttribute('aria-describedby', error.id)
    else input.removeAttribute('aria-describedby')
  }
  const first = form.elements[fields[0]]
  first?.focus()
  first?.select()
}

/**
 * Marks all buttons as busy or ready. Does not use `disabled`, because the pressed button would lose the keyboard
 * focus.
 */
export function showBusy(busy) {
  document.querySelector('main').ariaBusy = String(busy)
  for (const button of document.querySelectorAll('button')) button.ariaDisabled = String(busy)
}

/**
 * Shows the page for a logged-in user, or the login form with the reason (`why`). `focus` moves the keyboard focus
 * there.
 */
export function showInside(inside, { focus = false, name, why } = {}) {
  $('why').hidden = !why
  $('why').textContent = why ?? ''
  $('login').hidden = inside
  $('inside').hidden = !inside
  $('status').textContent = inside ? `Logged in as ${name}` : 'Logged out'
  if (focus) $(inside ? 'token-title' : 'login-title').focus()
}
