/** What the page shows. All text goes in as text, never as HTML. */

export const $ = id => document.getElementById(id)

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** A line of the log, the newest first. */
export function tell(text, { bad = false } = {}) {
  const now = new Date()
  const time = element('time', { dateTime: now.toISOString() }, now.toLocaleTimeString())
  $('log').prepend(element('li', { className: bad ? 'bad' : '' }, time, text))
  $('log').scrollTop = 0
}

const clockTime = seconds => new Date(seconds * 1000).toLocaleTimeString()

/** What the claims mean that one sees change. */
const MEANINGS = {
  fresh: value => `${value} \u2013 ${value ? 'issued for a password' : 'issued by a refresh'}`,
  iat: value => `${value} \u2013 issued at ${clockTime(value)}`,
  nbf: value => `${value} \u2013 not before ${clockTime(value)}`,
  exp: value => `${value} \u2013 ends at ${clockTime(value)}`,
}

export function showClaims(claims, before = {}) {
  const rows = Object.entries(claims).map(([name, value]) => {
    const text = MEANINGS[name]?.(value) ?? String(value)
    const changed = before.jti !== undefined && before[name] !== value
    return [element('dt', {}, name), element('dd', { className: changed ? 'changed' : '' }, text)]
  })
  $('claims').replaceChildren(...rows.flat())
}

/** `life` and `left` in seconds. */
export function showLife(life, left) {
  const over = left <= 0
  const seconds = Math.max(0, Math.ceil(left))
  $('clock').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  $('clock').classList.toggle('over', over)
  $('clock-says').textContent = over ? 'It has run out' : 'left to live'
  $('life').max = life
  $('life').value = Math.max(0, left)
}

const TOKENS = { cookies: 'tokens in cookies', dual: 'access token in memory' }
const minutes = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

/** Each session with a button that ends it; the own one ends by logging out. */
export function showSessions(sessions, end) {
  $('sessions').replaceChildren(...sessions.map(session => sessionRow(session, end)))
}

function sessionRow(session, end) {
  const { device, lastActiveAt, createdAt, current } = session
  const about = `${TOKENS[device.tokens] ?? ''}, ${device.ip}; last active ${minutes.format(new Date(lastActiveAt))}, since ${minutes.format(new Date(createdAt))}`
  const text = element('p', {}, device.name, element('small', {}, about))
  if (current) return element('li', {}, text, element('span', { className: 'here' }, 'this one'))
  const button = element('button', {}, 'End it')
  button.setAttribute('aria-label', `End the session on ${device.name}, ${TOKENS[device.tokens] ?? ''}`)
  button.addEventListener('click', () => end(session))
  return element('li', {}, text, button)
}

/** Either the login form or what is behind it; `focus` puts the keyboard where one goes on. */
export function showInside(inside, { focus = false, name } = {}) {
  $('login').hidden = inside
  $('inside').hidden = !inside
  $('status').textContent = inside ? `Logged in as ${name}` : 'Logged out'
  if (focus) $(inside ? 'token-title' : 'login-title').focus()
}
