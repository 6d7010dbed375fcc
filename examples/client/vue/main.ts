import { createApp } from 'vue'
import { client } from '../client.js'
import App from './App.vue'
import { auth } from './auth.js'

createApp(App).use(auth(client)).mount('#app')
