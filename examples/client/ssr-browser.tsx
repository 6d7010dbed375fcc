import { hydrateRoot } from 'react-dom/client'
import { client } from './client.js'
import { Page } from './ssr-page.js'

const notes = JSON.parse(document.body.dataset.notes ?? '[]')

hydrateRoot(document, <Page client={client} notes={notes} />)
