import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { PolicySignature, PolicyVersion } from '@customhouse/policy-contract/bundle';
import { sha256 } from './version.js';

/** A public key that versions may be signed with. */
export interface TrustedKey {
  /** SHA-256 (hex) of the key in DER. */
  readonly id: string;
  readonly key: KeyObject;
}

/** A file does not hold the public keys that it should. The message says what is wrong with it. */
export class KeysInvalid extends Error {
  override readonly name = 'KeysInvalid';
}

const mostKeys = 20;

/** Signs versions of the policy with Ed25519 (RFC 8032). */
export class VersionSigner {
  readonly #key: KeyObject;
  readonly trusted: TrustedKey;
  /** PEM, for whoever verifies. */
  readonly publicKey: string;

  /** `seed`: 32 random bytes. */
  constructor(seed: Uint8Array) {
    // PKCS#8 (RFC 8410) around the seed: the form in which Node takes it.
    this.#key = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' });
    const key = createPublicKey(this.#key);
    this.trusted = { id: idOf(key), key };
    this.publicKey = String(key.export({ format: 'pem', type: 'spki' }));
  }

  sign(version: PolicyVersion): PolicyVersion {
    const signature: PolicySignature = { key: this.trusted.id, value: sign(null, statement(version), this.#key).toString('base64') };
    return { ...version, signature };
  }
}

/** In words, why a version is not signed by one of the keys. Undefined: it is. Says nothing about whether its content is what the digest says. */
export function signatureProblem(version: Pick<PolicyVersion, 'number' | 'digest' | 'signature'>, keys: readonly TrustedKey[]): string | undefined {
  if (version.signature === null) return `version ${version.number} of the policy is not signed`;
  const { key: id, value } = version.signature;
  const trusted = keys.find((key) => key.id === id);
  if (!trusted) return `version ${version.number} of the policy is signed with the key ${id}, which is not trusted here`;
  if (!verify(null, statement(version), trusted.key, Buffer.from(value, 'base64'))) return `the signature of version ${version.number} of the policy is false`;
  return undefined;
}

/** The public keys in a file. Throws KeysInvalid, whose message names the file. */
export function readPublicKeyFile(path: string): readonly TrustedKey[] {
  try {
    return readPublicKeys(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new KeysInvalid(`${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Reads Ed25519 public keys in PEM, one after the other. Throws KeysInvalid. */
export function readPublicKeys(text: string): readonly TrustedKey[] {
  const blocks = text.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  if (text.includes('PRIVATE KEY')) throw new KeysInvalid('it holds a private key: only public keys belong there');
  if (blocks.length === 0) throw new KeysInvalid('it holds no public key in PEM');
  if (blocks.length > mostKeys) throw new KeysInvalid(`it holds ${blocks.length} keys, and at most ${mostKeys} are read`);
  return blocks.map((block, index) => {
    const key = publicKey(block, index + 1);
    if (key.asymmetricKeyType !== 'ed25519') throw new KeysInvalid(`key ${index + 1} is no Ed25519 key`);
    return { id: idOf(key), key };
  });
}

function publicKey(pem: string, place: number): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (error) {
    throw new KeysInvalid(`key ${place} cannot be read`, { cause: error });
  }
}

function idOf(key: KeyObject): string {
  return sha256(key.export({ format: 'der', type: 'spki' }));
}

/** What is signed. The number belongs to it, so that no version can pass for another one; the first line, so that no other use of a key can. */
function statement({ number, digest }: Pick<PolicyVersion, 'number' | 'digest'>): Uint8Array {
  return Buffer.from(`customhouse policy version 1\n${number}\n${digest}\n`);
}
