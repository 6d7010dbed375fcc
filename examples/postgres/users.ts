import type { Pool, PoolClient } from 'pg'

export interface NewUser {
  name: string
  passwordHash: string
  displayName: string
}

/** A real application creates its tables with migrations. */
const TABLES = `
  -- Processes that start at the same time create the tables one after the other.
  SELECT pg_advisory_xact_lock(hashtext('users of koa-authx'));
  CREATE TABLE IF NOT EXISTS users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    password_hash text NOT NULL
  );
  CREATE TABLE IF NOT EXISTS profiles (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    display_name text NOT NULL
  );`

/** The table of users and what belongs to them. Values are always parameters, never part of the SQL text. */
export class Users {
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  async createTables(): Promise<void> {
    await this.#pool.query(TABLES)
  }

  /**
   * Writes the user and the profile together, or nothing. Returns the id, or `undefined` if the name is taken. Of several
   * simultaneous calls with one name, the database lets one write.
   */
  register({ name, passwordHash, displayName }: NewUser): Promise<string | undefined> {
    return this.#inTransaction(async client => {
      const { rows } = await client.query<{ id: string }>(
        'INSERT INTO users (name, password_hash) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING id',
        [name, passwordHash],
      )
      const id = rows[0]?.id
      if (id === undefined) return undefined
      await client.query('INSERT INTO profiles (user_id, display_name) VALUES ($1, $2)', [id, displayName])
      return id
    })
  }

  async byName(name: string): Promise<{ id: string; passwordHash: string } | undefined> {
    const sql = 'SELECT id, password_hash AS "passwordHash" FROM users WHERE name = $1'
    const { rows } = await this.#pool.query(sql, [name])
    return rows[0]
  }

  async profile(id: string): Promise<{ username: string; displayName: string } | undefined> {
    const { rows } = await this.#pool.query(
      'SELECT name AS username, display_name AS "displayName" FROM users JOIN profiles ON user_id = id WHERE id = $1',
      [id],
    )
    return rows[0]
  }

  async passwordHash(id: string): Promise<string | undefined> {
    const { rows } = await this.#pool.query('SELECT password_hash FROM users WHERE id = $1', [id])
    return rows[0]?.password_hash
  }

  /** Returns `false` and writes nothing if the hash is no longer `from`, or the user was deleted. */
  async changePassword(id: string, { from, to }: { from: string; to: string }): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      'UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2',
      [id, from, to],
    )
    return rowCount === 1
  }

  /** Deletes the user with everything that belongs to it. */
  async delete(id: string): Promise<void> {
    await this.#pool.query('DELETE FROM users WHERE id = $1', [id])
  }

  async #inTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect()
    try {
      await client.query('BEGIN')
      const result = await work(client)
      await client.query('COMMIT')
      client.release()
      return result
    } catch (error) {
      // Closes the connection. This also undoes the transaction, whatever state it is in.
      client.release(true)
      throw error
    }
  }
}
