import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** A key and a certificate for localhost and 127.0.0.1 that nobody has signed. */
export function selfSigned(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'koa-authx-certificate-'))
  const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  try {
    execFileSync('openssl', [...kind, ...name, '-keyout', files.key, '-out', files.cert], { stdio: 'pipe' })
    return { key: readFileSync(files.key, 'utf8'), cert: readFileSync(files.cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
