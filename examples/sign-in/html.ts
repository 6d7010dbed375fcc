/** Makes text safe in HTML, also inside of quoted attributes. */
const escaped = (text: string) => text.replaceAll(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)

const page = (title: string, body: string) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escaped(title)}</title>
<h1>${escaped(title)}</h1>
${body}
</html>
`

export const homePage = () => page('Welcome', '<p><a href="/account">Your account</a></p>')

/**
 * Makes the page of a person.
 * @param email an address that the provider has verified. `undefined` if there is none.
 */
export const accountPage = (sub: string, email: string | undefined) =>
  page(
    'Your account',
    `<p>You are ${escaped(email ?? 'signed in')} (<code>${escaped(sub)}</code>).</p>
<form method="post" action="/logout">
  <button>Log out</button>
</form>`,
  )

export const failedPage = () =>
  page(
    'You are not signed in',
    `<p>The provider has refused, or the sign-in was begun too long ago or in another window.</p>
<p><a href="/sign-in">Sign in again</a></p>`,
  )

export const errorPage = (status: number) =>
  page(`Error ${status}`, '<p>The page cannot be shown. <a href="/">Back to the beginning</a></p>')
