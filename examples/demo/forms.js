/** The forms of the demo: their errors stand beside them. */
import { ask, client, json, LoginOver, mode, refresh } from './api.js'
import { refusal, SAYS } from './sentences.js'
import { learnClaims } from './token.js'
import { $, showFormError, tell } from './view.js'

/** Each form: what it sends, which fields are wrong if the server refuses for a reason, and what the log says then. */
const FORMS = {
  'login-form': {
    send: credentials => client.login(credentials),
    wrong: { InvalidCredentialsError: ['password', 'username'] },
    failed: SAYS.loginFailed,
  },
  'code-form': {
    send: giveCode,
    wrong: { WrongCode: ['code'] },
    failed: SAYS.codeFailed,
  },
}

/** Sends the forms with `run`, which runs one action at a time. */
export function sendForms(run) {
  for (const [id, { send, ...refused }] of Object.entries(FORMS)) {
    const form = $(id)
    form.addEventListener('submit', event => {
      event.preventDefault()
      run(() => attempt(form, () => send(Object.fromEntries(new FormData(form))), refused))
    })
  }
}

/** Runs an action, and shows beside the form why it failed. */
async function attempt(form, action, { wrong, failed }) {
  showFormError(form)
  try {
    await action()
  } catch (error) {
    if (error instanceof LoginOver) throw error
    const fields = wrong[error.errorType]
    showFormError(form, refusal(error), fields)
    tell(fields ? failed : refusal(error), { bad: true })
  }
}

/** Proves the second factor. The session then has the method `otp`, and so have all later access tokens. */
async function giveCode({ code }) {
  await ask('/second-factor', json('POST', { code: code.replaceAll(' ', '') }))
  // In the mode dual, the response is a token that the client does not know. A refresh gets one with the same method.
  if (mode === 'dual') await refresh()
  await learnClaims()
  clearCode()
  tell(SAYS.codeAccepted)
}

/** For the demo only: shows what the authenticator app of the user would show. */
export async function showCode() {
  const { code } = await ask('/second-factor/code')
  $('code').textContent = `${code.slice(0, 3)} ${code.slice(3)}`
  tell(SAYS.codeShown)
}

/** Pays, which requires a code of the last five minutes. */
export async function pay() {
  const send = async () => {
    await ask('/payments', { method: 'POST' })
    tell(SAYS.paid)
  }
  await attempt($('code-form'), send, { wrong: { FreshTokenRequiredError: ['code'] }, failed: SAYS.paymentFailed })
}

/** Forgets what the last user has left in the form. */
export function clearCode() {
  $('code-form').reset()
  $('code').textContent = ''
  showFormError($('code-form'))
}
