// Makes the secrets of a compose installation at its first start and keeps them in a volume. Nothing is printed.
import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2] ?? '/run/customhouse';

/** A file is whole or absent: a crash in between must not leave half a key. */
function once(name, make) {
  const path = join(folder, name);
  if (existsSync(path)) return;
  writeFileSync(`${path}.new`, make(), { mode: 0o400 });
  renameSync(`${path}.new`, path);
}

const random = () => randomBytes(32).toString('base64url');
const password = random();
if (existsSync(join(folder, 'database-url')) !== existsSync(join(folder, 'database-password'))) {
  throw new Error(`${folder} holds only one of database-url and database-password: restore the other from your backup`);
}
once('database-password', () => password);
once('database-url', () => `postgres://customhouse:${password}@postgres:5432/customhouse`);
once('sealing-key', random);
once('operator-key', () => `chk_bootstrap_${random()}`);
