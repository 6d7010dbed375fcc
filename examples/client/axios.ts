import axios, { type AxiosInstance, isAxiosError } from 'axios'
import type { AuthXClient } from 'koa-authx/client'

declare module 'axios' {
  interface InternalAxiosRequestConfig {
    /** How many logins there had been when the request was made. */
    logins?: number
    isRepeated?: boolean
  }
}

/** Axios with the tokens of `client`. A request whose token has expired is sent again, once. */
export function axiosFor(client: AuthXClient, baseURL: string): AxiosInstance {
  const api = axios.create({ baseURL, withCredentials: true })
  let logins = 0
  client.on('login', () => {
    logins += 1
  })

  api.interceptors.request.use(async config => {
    config.logins ??= logins
    config.headers.set(await client.headersFor(config.method ?? 'get', api.getUri(config)))
    return config
  })

  api.interceptors.response.use(undefined, async error => {
    if (!isAxiosError(error) || !error.config || error.config.isRepeated) throw error
    if (!isExpired(error.response?.data) || client.getState().status !== 'authenticated') throw error
    error.config.isRepeated = true
    await client.refresh()
    // Another user may have logged in since, here or in another tab. The request is not theirs.
    if (error.config.logins !== logins) throw error
    return api(error.config)
  })
  return api
}

/** Browsers delete expired cookies: then the token is missing. */
const isExpired = (body: unknown) => /^(TokenExpired|MissingToken)Error$/.test(Object(body).error_type)
