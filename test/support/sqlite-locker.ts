/**
 * A process that holds a lock on a database: `fork` it with the path and the SQL that takes the lock. It says 'locked'
 * and lets go when it is told anything.
 */
import { sqliteDriver } from '../../stores/sqlite-driver.js'

const [path, sql] = process.argv.slice(2) as [string, string]
const database = sqliteDriver()(path)
database.exec(sql)
process.send?.('locked')
process.once('message', () => {
  database.close()
  process.disconnect()
})
