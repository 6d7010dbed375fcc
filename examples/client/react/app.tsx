import { type SubmitEvent, useEffect, useState } from 'react'
import { addNote, listNotes, type Note } from '../notes-api.js'
import { textOf } from '../texts.js'
import { RequireLogin, useAuth, useClient } from './auth.js'

export function App() {
  return (
    <RequireLogin loading={<p data-screen="loading">One moment</p>} login={<LoginForm />}>
      <NotesPage />
    </RequireLogin>
  )
}

function LoginForm() {
  const client = useClient()
  const { reason } = useAuth()
  const [problem, setProblem] = useState('')
  const [isSending, setSending] = useState(false)
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    setSending(true)
    client
      .login(Object.fromEntries(new FormData(event.currentTarget)))
      .catch(error => setProblem(textOf(error)))
      .finally(() => setSending(false))
  }
  return (
    <form data-screen="login" onSubmit={submit}>
      {reason && <p>Your session has ended.</p>}
      <input name="username" aria-label="Name" autoComplete="username" />
      <input name="password" aria-label="Password" type="password" autoComplete="current-password" />
      <button type="submit" disabled={isSending}>
        Log in
      </button>
      <p role="alert">{problem}</p>
    </form>
  )
}

function NotesPage() {
  const client = useClient()
  const [notes, setNotes] = useState<Note[]>([])
  const [problem, setProblem] = useState('')
  const [isSending, setSending] = useState(false)
  useEffect(() => {
    listNotes().then(setNotes, error => setProblem(textOf(error)))
  }, [])
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    setSending(true)
    addNote(String(new FormData(form).get('text')))
      .then(
        notes => {
          setNotes(notes)
          setProblem('')
          form.reset()
        },
        error => setProblem(textOf(error)),
      )
      .finally(() => setSending(false))
  }
  return (
    <main data-screen="notes">
      <ul>
        {notes.map(({ id, text }) => (
          <li key={id}>{text}</li>
        ))}
      </ul>
      <form onSubmit={submit}>
        <input name="text" aria-label="Note" />
        <button type="submit" disabled={isSending}>
          Add
        </button>
      </form>
      <button type="button" onClick={() => client.logout().catch(error => setProblem(textOf(error)))}>
        Log out
      </button>
      <p role="alert">{problem}</p>
    </main>
  )
}
