// Hocuspocus as it is configured by default, one node, with its database extension over SQLite: one row a document,
// with the whole state, as its extension-sqlite has it (which needs a compiler; node:sqlite comes with Node).
import { DatabaseSync } from 'node:sqlite';
import { Database } from '@hocuspocus/extension-database';
import { Server } from '@hocuspocus/server';

const { FILE, PORT } = process.env;

const sqlite = new DatabaseSync(FILE);
sqlite.exec('CREATE TABLE IF NOT EXISTS documents (name TEXT NOT NULL UNIQUE, data BLOB NOT NULL)');
const fetched = sqlite.prepare('SELECT data FROM documents WHERE name = ?');
const stored = sqlite.prepare(
  'INSERT INTO documents (name, data) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET data = excluded.data',
);

const server = new Server({
  address: '127.0.0.1',
  port: Number(PORT),
  quiet: true,
  extensions: [
    new Database({
      fetch: async ({ documentName }) => fetched.get(documentName)?.data ?? null,
      store: async ({ documentName, state }) => void stored.run(documentName, state),
    }),
  ],
});
await server.listen();
