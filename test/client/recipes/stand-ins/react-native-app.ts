import { client } from '../../../../examples/client/react-native.js'
import { runApplication } from './application.js'

await runApplication(client)
