import { describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { PolicySignature } from '@customhouse/policy-contract/bundle';
import { builtInVersion } from '../src/built-in.js';
import { KeysInvalid, readPublicKeyFile, readPublicKeys, signatureProblem, VersionSigner } from '../src/signature.js';

const signer = new VersionSigner(Buffer.alloc(32, 1));
const other = new VersionSigner(Buffer.alloc(32, 2));
const version = signer.sign({ ...builtInVersion(), number: 4 });

describe('the signature of a version', () => {
  it('is what RFC 8032 says of this seed and this statement', () => {
    // Made with another implementation: Python's cryptography, Ed25519PrivateKey.from_private_bytes(b"\x01" * 32).sign(…).
    const fixed = signer.sign({ ...version, digest: 'a'.repeat(64), number: 7 });
    expect(fixed.signature!.value).toBe('13Zvz7gzaKH+PBHYUBdgEtxZytCn9y3lOGuMDSFwh7vjbIkzdngrRBeXeN3hal9UogGPvI4N8x10OrxYoUrkDQ==');
    expect(signer.trusted.id).toBe('fd110d301d2f077de1414b8f99f441b1403fab207b2052fbd2c065e4ee8e7dc2');
  });

  it('is accepted from a key that is trusted, whichever of them it is', () => {
    expect(PolicySignature.parse(version.signature)).toEqual(version.signature);
    expect(signatureProblem(version, [other.trusted, signer.trusted])).toBeUndefined();
  });

  it.each([
    ['is missing', { ...version, signature: null }, 'version 4 of the policy is not signed'],
    ['is of another number', { ...version, number: 5 }, 'the signature of version 5 of the policy is false'],
    ['is of other content', { ...version, digest: 'b'.repeat(64) }, 'the signature of version 4 of the policy is false'],
    ['is no signature', { ...version, signature: { ...version.signature!, value: 'AAAA' } }, 'the signature of version 4 of the policy is false'],
    ['is of a key that nobody trusts', other.sign(version), `is signed with the key ${other.trusted.id}, which is not trusted here`],
    ['claims a trusted key and was made with another', { ...version, signature: { ...other.sign(version).signature!, key: signer.trusted.id } }, 'is false'],
  ])('is refused when it %s', (_, changed, problem) => {
    expect(signatureProblem(changed, [signer.trusted])).toContain(problem);
  });

  it('is accepted from nobody where nobody is trusted', () => {
    expect(signatureProblem(version, [])).toContain('is not trusted here');
  });
});

describe('a file of public keys', () => {
  const pem = (type: 'ed25519' | 'x25519') =>
    generateKeyPairSync(type as 'ed25519')
      .publicKey.export({ format: 'pem', type: 'spki' })
      .toString();

  it('is read key by key, with whatever is written between them', () => {
    const keys = readPublicKeys(`the old one\n${other.publicKey}\nthe new one\n${signer.publicKey}`);
    expect(keys.map((key) => key.id)).toEqual([other.trusted.id, signer.trusted.id]);
    expect(signatureProblem(version, keys)).toBeUndefined();
  });

  it.each([
    ['nothing', '', 'no public key'],
    ['a private key', String(generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })), 'private key'],
    ['a key of another kind', pem('x25519'), 'key 1 is no Ed25519 key'],
    ['something damaged', `${pem('ed25519')}-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n`, 'key 2 cannot be read'],
    ['more keys than anybody has', pem('ed25519').repeat(21), 'at most 20'],
  ])('is refused when it holds %s', (_, text, problem) => {
    expect(() => readPublicKeys(text)).toThrow(KeysInvalid);
    expect(() => readPublicKeys(text)).toThrow(problem);
  });

  it('that is not there is named', () => {
    expect(() => readPublicKeyFile('/nowhere/keys.pem')).toThrow(KeysInvalid);
    expect(() => readPublicKeyFile('/nowhere/keys.pem')).toThrow(/^\/nowhere\/keys\.pem cannot be used: .*ENOENT/);
  });
});
