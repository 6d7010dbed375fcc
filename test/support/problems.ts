import assert from 'node:assert/strict'
import { BadConfigurationError } from '../../src/index.js'

/** The problems of the BadConfigurationError that `work` throws; none if it succeeds. */
export function problemsIn(work: () => unknown): readonly string[] {
  try {
    work()
    return []
  } catch (error) {
    assert.ok(error instanceof BadConfigurationError, String(error))
    assert.equal(error.status, 500)
    assert.equal(error.expose, false)
    for (const problem of error.problems) assert.ok(error.message.includes(problem))
    return error.problems
  }
}
