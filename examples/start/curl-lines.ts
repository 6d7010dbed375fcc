import { join } from 'node:path'

/** Commands for a shell. They save responses with tokens in `folder`, and later commands read the tokens from there. */
export function curlLines(url: string, folder: string): string {
  const [login, refresh] = [join(folder, 'login.json'), join(folder, 'refresh.json')]
  return [
    `curl -sS -w '\\n' ${url}/login -d username=test -d password=test | tee ${login}`,
    `curl -sS -w '\\n' ${url}/protected ${bearer('access_token', login)}`,
    `curl -sS -w '\\n' -X POST ${url}/refresh ${bearer('refresh_token', login)} | tee ${refresh}`,
    `curl -sS -w '%{http_code}\\n' -X POST ${url}/logout ${bearer('access_token', refresh)}`,
    `curl -sS -w '\\n%{http_code}\\n' ${url}/protected ${bearer('access_token', refresh)}`,
  ].join('\n')
}

/** Splits the JSON at quotation marks: part 4 is the access token, part 8 the refresh token. */
function bearer(name: 'access_token' | 'refresh_token', file: string): string {
  return `-H "Authorization: Bearer $(cut -d'"' -f${name === 'access_token' ? 4 : 8} ${file})"`
}
