import { createRoot } from 'react-dom/client'
import { client } from '../client.js'
import { App } from './app.js'
import { AuthProvider } from './auth.js'

createRoot(document.getElementById('app') as HTMLElement).render(
  <AuthProvider client={client}>
    <App />
  </AuthProvider>,
)
