import assert from 'node:assert/strict'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { TEST_SECRET } from '../support/app.js'
import { problemsIn } from '../support/problems.js'

/** The problems that construction with these options names; none if it succeeds. */
export function problemsOf(options: unknown): readonly string[] {
  return problemsIn(() => new AuthX(options as AuthXOptions))
}

/** The same with a good secret besides. */
export const problemsWith = (options: object) => problemsOf({ secretKey: TEST_SECRET, ...options })

/** Exactly one problem, and it names `option`. */
export function assertOneProblem(problems: readonly string[], option: string): void {
  assert.equal(problems.length, 1, problems.join('\n'))
  assert.ok(problems[0]?.includes(option), problems[0])
}
