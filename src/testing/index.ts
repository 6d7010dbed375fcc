/**
 * Helpers for tests of applications and of stores.
 * @module koa-authx/testing
 */
export type { ExpiryOf } from './cases/keeping.js'
export { type StoreConformance, testTokenStore } from './conformance.js'
export { FaultyTokenStore, type StoreCalls } from './faulty-store.js'
export { type MakeTokenOptions, makeToken } from './make-token.js'
export type { StoreOutage, SuiteProcesses } from './steps.js'
export { TestClock } from './test-clock.js'
