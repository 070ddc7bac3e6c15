import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { policyPublished } from '@customhouse/events/policy/events';
import { builtInVersion } from '@customhouse/policies/built-in';
import { VersionSigner } from '@customhouse/policies/signature';
import { eventually, Gateway } from './support/gateway.js';

jest.setTimeout(120_000);

describe('an ingress that has keys of the policy', () => {
  const signer = new VersionSigner(Buffer.alloc(32, 1));
  let folder: string;
  let gateway: Gateway | undefined;
  const keys = (text: string) => {
    writeFileSync(join(folder, 'keys.pem'), text);
    return { CUSTOMHOUSE_INGRESS_POLICY_KEYS_FILE: join(folder, 'keys.pem') };
  };
  const problem = () => {
    try {
      gateway!.ingress.checkReady();
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'customhouse-policy-keys-'));
  });
  afterEach(async () => {
    await gateway?.close();
    gateway = undefined;
    rmSync(folder, { recursive: true });
  });

  it('lets a version decide that one of them signed, and has no policy when another one arrives', async () => {
    gateway = await Gateway.start({ signer, environment: keys(signer.publicKey) });
    const { policyDigest } = gateway.ingress;
    expect(policyDigest).toMatch(/^[0-9a-f]{64}$/);
    await gateway.writer.append({ declaration: policyPublished, subject: 'policy', key: 'active', data: { ...builtInVersion(), number: 77 } });
    await eventually(() => {
      expect(problem()).toContain('version 77 of the policy is not signed');
      return true;
    });
    expect(gateway.ingress.policyDigest).toBeUndefined();
  });

  it('does not start with a file that holds none', async () => {
    await expect(Gateway.start({ environment: keys('nothing') })).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringMatching(/^CUSTOMHOUSE_INGRESS_POLICY_KEYS_FILE: .*keys\.pem cannot be used: it holds no public key in PEM/),
    });
  });
});
