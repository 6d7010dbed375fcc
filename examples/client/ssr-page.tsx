import type { AuthXClient } from 'koa-authx/client'
import type { Note } from './notes-api.js'
import { AuthProvider, RequireLogin } from './react/auth.js'

/** The whole document, for the server and for the browser. The browser takes the notes from the attribute. */
export function Page({ client, notes }: { client: AuthXClient; notes: readonly Note[] }) {
  return (
    <html lang="en">
      <head>
        <title>Notes</title>
      </head>
      <body data-notes={JSON.stringify(notes)}>
        <AuthProvider client={client}>
          <RequireLogin loading={<p data-screen="loading">One moment</p>} login={<Login />}>
            <ul data-screen="notes">
              {notes.map(({ id, text }) => (
                <li key={id}>{text}</li>
              ))}
            </ul>
            <button type="button" onClick={() => client.logout()}>
              Log out
            </button>
          </RequireLogin>
        </AuthProvider>
        <script type="module" src="/ssr-browser.js" />
      </body>
    </html>
  )
}

function Login() {
  return (
    <a data-screen="login" href="/login">
      Log in
    </a>
  )
}
