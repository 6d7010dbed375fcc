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

/**
 * Makes the page with the login form.
 * @param next where to go after the login. It comes from the address, so anyone can choose it.
 */
export const loginPage = (next: string, problem = '') =>
  page(
    'Log in',
    `<form method="post" action="/login">
  <input type="hidden" name="next" value="${escaped(next)}">
  <label>Username <input name="username" autocomplete="username" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Log in</button>
</form>
<p role="alert">${escaped(problem)}</p>`,
  )

export const listPage = (username: string, items: readonly string[]) =>
  page(
    `List of ${username}`,
    `<ul>
${items.map(item => `  <li>${escaped(item)}</li>`).join('\n')}
</ul>
<form method="post" action="/list">
  <label>Item <input name="item" maxlength="200" required></label>
  <button>Add</button>
</form>
<form method="post" action="/logout">
  <button>Log out</button>
</form>`,
  )

export const errorPage = (status: number) =>
  page(`Error ${status}`, '<p>The page cannot be shown. <a href="/list">Back to the list</a></p>')
