import { PlainStore, type WrongStore, wrong } from './plain-store.js'

const ANSWERS = 'check answers with a list of findings, and changes no record'

/** A store whose `check` answers with this. */
const answering = (findings: unknown) =>
  class extends PlainStore {
    override async check() {
      return findings as never
    }
  }

/** Mistakes with `check`. */
export const checkMistakes: readonly WrongStore[] = [
  wrong('finds nothing, and says nothing', answering(undefined), ANSWERS, /check: saw undefined, expected an array/),
  wrong('has texts for findings', answering(['no disk']), ANSWERS, /saw "no disk", expected texts as code and message/),
  wrong('has an empty place for a finding', answering([null]), ANSWERS, /saw null, expected texts as code and message/),
  wrong(
    'has a number for a code',
    answering([{ code: 7, message: 'full' }]),
    ANSWERS,
    /saw \{ code: 7, message: 'full' \}/,
  ),
  wrong(
    'has findings without a message',
    answering([{ code: 'full' }]),
    ANSWERS,
    /saw \{ code: 'full' \}, expected texts/,
  ),
  wrong('has an empty message', answering([{ code: 'full', message: '' }]), ANSWERS, /message: '' \}, expected texts/),
  wrong(
    'clears the backend to see whether it may',
    class extends PlainStore {
      override async check() {
        this.backend.entries.clear()
        return []
      }
    },
    ANSWERS,
    /get after check: saw undefined, expected "a"/,
  ),
  wrong(
    'cannot check what works',
    class extends PlainStore {
      override async check(): Promise<never> {
        throw new Error('not allowed')
      }
    },
    ANSWERS,
    /check: saw a rejection \(Error: not allowed\), expected an answer/,
  ),
  wrong(
    'checks after close',
    class extends PlainStore {
      override async check() {
        return []
      }
    },
    'check rejects after close',
    /check after close: saw \[\], expected a rejection/,
  ),
]
