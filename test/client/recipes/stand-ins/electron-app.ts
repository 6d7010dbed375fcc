import { client } from '../../../../examples/client/electron.js'
import { runApplication } from './application.js'

await runApplication(client)
