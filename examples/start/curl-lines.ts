import { join } from 'node:path'

/** Lines to paste into a shell. The answers with tokens are kept in `folder`, and the next lines take the tokens from there. */
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

/** The token stands in the fourth of the parts that quotation marks make of the JSON, or in the eighth. */
function bearer(name: 'access_token' | 'refresh_token', file: string): string {
  return `-H "Authorization: Bearer $(cut -d'"' -f${name === 'access_token' ? 4 : 8} ${file})"`
}
