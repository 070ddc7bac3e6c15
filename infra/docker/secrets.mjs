// Makes the secrets of a compose installation at its first start and keeps them in a volume. Nothing is printed.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VersionSigner } from '@customhouse/policies/signature';

const folder = process.argv[2] ?? '/run/customhouse';
/** Only the policy service has this one. */
const policyFolder = process.argv[3] ?? '/run/customhouse-policy';

/** A file is whole or absent: a crash in between must not leave half a key. */
function once(name, make, place = folder) {
  const path = join(place, name);
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
once('signing-key', random, policyFolder);
once('policy-keys.pem', () => new VersionSigner(Buffer.from(readFileSync(join(policyFolder, 'signing-key'), 'utf8'), 'base64url')).publicKey);
