/** Runs one case in this process: `one-case.ts <chapter file> <number of the case> <pass>`. Sends its outcome. */
import { pathToFileURL } from 'node:url'
import type { Chapter, Outcome, Pass } from './case.js'

const [file = '', number = '', pass = ''] = process.argv.slice(2)

// Whoever leaves a rejection unhandled has lost an error, be it a test or the library.
const unhandled: string[] = []
process.on('unhandledRejection', reason => unhandled.push(`unhandled rejection: ${reason}`))
// By exit() and not by the signal, so that the servers of this process are ended too.
process.on('disconnect', () => process.exit(1))
process.on('SIGTERM', () => process.exit(1))

const { chapter } = (await import(pathToFileURL(file).href)) as { chapter: Chapter }
const outcome = await chapter.cases[Number(number)]?.run(pass as Pass)
if (!outcome) throw new Error(`no case ${number} in ${file}`)
const whole: Outcome = { ...outcome, broken: [...outcome.broken, ...unhandled] }
process.send?.(whole, () => process.exit(0))
