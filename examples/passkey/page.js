/** The script of the page: asks the server for options, the browser for the passkey, and sends what it signed. */
const { startAuthentication, startRegistration } = window.SimpleWebAuthnBrowser

/** The value that requests with cookies need. Only scripts of this site can read it. */
const csrfValue = () => /(?:^|; )csrf_access_token=([^;]*)/.exec(document.cookie)?.[1] ?? ''

async function post(path, body = {}) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-CSRF-TOKEN': csrfValue() },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (response.ok) return text
  throw Object.assign(new Error(`${response.status}: ${text}`), {
    // RFC 9470: the user has to prove again who they are.
    needsStepUp: response.headers.get('WWW-Authenticate')?.includes('insufficient_user_authentication'),
  })
}

async function register() {
  const optionsJSON = JSON.parse(await post('/passkeys/options'))
  await post('/passkeys', await startRegistration({ optionsJSON }))
}

/** `path` is /login/passkey or /confirm. */
async function usePasskey(path) {
  const optionsJSON = JSON.parse(await post(`${path}/options`))
  await post(path, await startAuthentication({ optionsJSON }))
}

/** Does `action`. If the server asks for the passkey again, uses it and repeats `action`. */
async function withStepUp(action) {
  try {
    await action()
  } catch (error) {
    if (!error.needsStepUp) throw error
    await usePasskey('/confirm')
    await action()
  }
}

const status = document.querySelector('#status')

/** Does what a button says, and shows the result. */
async function run(action, done) {
  status.textContent = ''
  status.textContent = await action().then(
    () => done,
    error => error.message,
  )
}

const onClick = (id, action, done) =>
  document.querySelector(id).addEventListener('click', () => {
    run(action, done)
  })

document.querySelector('#login').addEventListener('submit', event => {
  event.preventDefault()
  const credentials = Object.fromEntries(new FormData(event.target))
  run(() => post('/login', credentials), 'Logged in')
})
onClick('#passkey-login', () => usePasskey('/login/passkey'), 'Logged in with a passkey')
onClick('#register', () => withStepUp(register), 'Registered a passkey')
onClick('#pay', () => withStepUp(() => post('/payments')), 'Paid')
onClick('#logout', () => post('/logout'), 'Logged out')
