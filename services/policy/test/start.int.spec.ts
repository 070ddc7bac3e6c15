import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtInVersion } from '@customhouse/policies/built-in';
import { eventually, Installation } from './installation.js';

jest.setTimeout(60_000);

const rules = (id: string) => `version: 1\nrules:\n  - { id: ${id}, effect: allow, reason: It reads., tools: ['*/*'], labels: [read-only] }\n`;

describe('a start of the policy service', () => {
  let installation: Installation;
  const prepare = async () => (installation = await Installation.prepare());
  const begin = async (changes: Record<string, string> = {}) => {
    await prepare();
    await installation.startService(changes);
    installation.operator = await installation.key('olga', ['operator']);
  };
  const file = (text: string) => {
    const path = join(installation.folder, 'rules.yaml');
    writeFileSync(path, text);
    return { CUSTOMHOUSE_POLICY_RULES_FILE: path };
  };
  const warnings = () => installation.logged.filter((line) => line.level === 40).map((line) => line.msg as string);

  afterEach(() => installation.stop(), 30_000);

  it('begins with the rules of a file, where one is named', async () => {
    await prepare();
    await installation.startService(file(rules('from-file')));
    expect((await installation.publishedVersion(0)).rules.rules.map((rule) => rule.id)).toEqual(['from-file']);
  });

  it('is refused by a first file that is not valid, with line and setting, and leaves nothing behind', async () => {
    await prepare();
    await expect(installation.startService(file(rules('Not Kebab')))).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringMatching(/CUSTOMHOUSE_POLICY_RULES_FILE names .*rules\.yaml: .*line 3, column 11: rules\[0\]\.id: a rule id is kebab-case/s),
    });
    expect(await installation.sql('select number from versions')).toEqual([]);
    await installation.startService(file(rules('repaired')));
    expect((await installation.publishedVersion(0)).rules.rules[0]!.id).toBe('repaired');
  });

  it('is refused by a first file that is not there', async () => {
    await prepare();
    await expect(installation.startService({ CUSTOMHOUSE_POLICY_RULES_FILE: '/nowhere/rules.yaml' })).rejects.toThrow(
      'CUSTOMHOUSE_POLICY_RULES_FILE names /nowhere/rules.yaml: it cannot be read',
    );
  });

  it('with an installation that has its rules says that another file is not used, and goes on', async () => {
    await prepare();
    await installation.startService(file(rules('first')));
    await installation.restart(file(rules('first')));
    expect(warnings()).toEqual([]);
    await installation.restart(file(rules('second')));
    expect(warnings()).toEqual([expect.stringContaining('is not used: send it to the API')]);
    await installation.restart({ CUSTOMHOUSE_POLICY_RULES_FILE: '/nowhere/rules.yaml' });
    expect(warnings().at(-1)).toContain('cannot be read; it is not used');
    expect((await installation.publishedVersion(0)).rules.rules[0]!.id).toBe('first');
  });

  it('keeps what was activated, and publishes nothing again', async () => {
    await begin();
    const number = await installation.draft({ version: 1, rules: [] });
    await installation.activate(number);
    await installation.publishedVersion(number);
    const told = await installation.told('customhouse.state.policy');
    const events = await eventually('the activation is told', async () => {
      const all = await installation.told('customhouse.policy');
      return all.some(({ type, data }) => type === 'policy.version.activated' && data.number === number) && all;
    });
    await installation.restart();
    expect(await installation.activeNumber()).toBe(number);
    expect(await installation.told('customhouse.state.policy')).toHaveLength(told.length);
    expect(await installation.told('customhouse.policy')).toHaveLength(events.length);
    expect((await installation.publishedVersion(number)).rules.rules).toEqual([]);
  });

  it('publishes the active version again in a log that does not have it', async () => {
    await begin();
    const number = await installation.draft({ version: 1, rules: [] });
    await installation.activate(number);
    await installation.service.close();
    await installation.loseLog();
    await installation.startService();
    const version = await installation.publishedVersion(number);
    expect(version.rules.rules).toEqual([]);
    expect([...(await installation.published()).keys()].sort()).toEqual(['active', `module/${version.module}`]);
    expect(warnings()).toEqual([expect.stringContaining('the log does not have the active version')]);
  });

  it('of two replicas at once begins the installation once', async () => {
    await prepare();
    const replicas = await Promise.all(['policy-1', 'policy-2'].map((name) => installation.run({ CUSTOMHOUSE_INSTANCE: name })));
    await Promise.all(replicas.map((replica) => replica.ready));
    await installation.publishedVersion(0);
    expect(await installation.sql('select number, digest from versions')).toEqual([{ number: 0, digest: builtInVersion('starter').digest }]);
    const told = await eventually('the activation is told', async () => {
      const types = (await installation.told('customhouse.policy')).map((event) => event.type);
      return types.includes('policy.version.activated') && types;
    });
    expect(told).toEqual(['policy.version.drafted', 'policy.version.activated']);
  });

  it('is not ready while no version is active', async () => {
    await begin();
    await installation.service.close();
    await installation.sql('update versions set active = false');
    installation.service = await installation.run();
    installation.service.ready.catch(() => undefined);
    const check = async (): Promise<{ status: string; detail?: string }> =>
      ((await (await fetch(`${installation.service.apiUrl}/health/ready`)).json()) as any).checks['policy-published'];
    await eventually('it says so', async () => (await check()).detail === 'no version of the policy is active: activate one');
    expect((await check()).status).toBe('failed');
  });
});
