/** The calls of the recipes for React, Vue and Svelte. */
import { client } from './client.js'

export interface Note {
  readonly id: number
  readonly text: string
}

export async function listNotes(): Promise<Note[]> {
  return notesIn(await client.fetch('/notes'))
}

/** Resolves to all notes, the new one included. */
export async function addNote(text: string): Promise<Note[]> {
  const headers = { 'Content-Type': 'application/json' }
  return notesIn(await client.fetch('/notes', { method: 'POST', headers, body: JSON.stringify({ text }) }))
}

async function notesIn(response: Response): Promise<Note[]> {
  const { ok, status } = response
  if (!ok) throw Object.assign(new Error(`The server answered ${status}`), { status })
  const { notes } = (await response.json()) as { notes: Note[] }
  return notes
}
