export { type StoreConformance, testTokenStore } from './conformance.js'
