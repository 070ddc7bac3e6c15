import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { builtInVersion } from '@customhouse/policies/built-in';
import { Installation } from './installation.js';

jest.setTimeout(300_000);

const page = readFileSync(new URL('../../../docs/how-to/write-rego.md', import.meta.url), 'utf8');
const blocks = (language: string) => [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map((match) => match[1]!);

describe('the page about Rego', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await Installation.start({ CUSTOMHOUSE_POLICY_REGO_TIMEOUT_MS: '240000' });
  }, 120_000);
  afterAll(() => installation?.stop(), 30_000);

  it('shows Rego, tests and cases that pass, beside the rules of a new installation', async () => {
    const [custom, tests, ...more] = blocks('rego');
    const [cases] = blocks('yaml').map((text) => parse(text) as { cases: unknown[] });
    expect(more).toEqual([]);
    const { status, body } = await installation.ask('POST', '/v1/policy/check', {
      rules: builtInVersion().rules,
      modules: { 'custom.rego': custom!, 'custom_test.rego': tests! },
      cases: cases!.cases,
    });
    expect([status, body.problems]).toEqual([200, undefined]);
    expect(body.tests.filter((test: { passed: boolean }) => !test.passed)).toEqual([]);
    expect(body).toMatchObject({ passed: 4, not_covered: {} });
  });
});
