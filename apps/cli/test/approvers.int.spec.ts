import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { customhouse, type Ran } from './gateway.js';
import { eventually, problemOf, runningGateway } from './running-gateway.js';

jest.setTimeout(300_000);

const { gateway, folder } = runningGateway();

/** Runs commands with a key of this person, once it is known. */
async function as(person: string, ...options: string[]): Promise<(...args: string[]) => Promise<Ran>> {
  const { presented } = await gateway.json<{ presented: string }>('keys', 'create', '--agent', `${person}-console`, '--person', person, ...options);
  const run = (...args: string[]): Promise<Ran> => customhouse(['--data', gateway.data, 'approvals', ...args], { environment: { CUSTOMHOUSE_KEY: presented } });
  await eventually(
    () => run('list'),
    ({ code }) => code === 0,
  );
  return run;
}

describe('customhouse approvals, for approvers', () => {
  it('lets somebody else decide for a time, shows it, and takes it back', async () => {
    const ada = await as('ada@example.com', '--role', 'approver', '--group', 'finance');
    const given = await ada('delegate', 'bob@example.com', '--for', '7d', '--reason', 'holidays', '--json');
    const { delegation, expires } = JSON.parse(given.stdout) as { delegation: string; expires: string };
    expect(Date.parse(expires)).toBeGreaterThan(Date.now() + 6 * 86_400_000);
    expect((await ada('delegations', '--valid')).stdout).toMatch(new RegExp(`^${delegation} +ada@example.com +bob@example.com +finance +good `, 'm'));
    expect(await ada('undelegate', delegation)).toMatchObject({ code: 0, stdout: `Taken back: ${delegation}\n` });
    expect((await ada('delegations', '--valid')).stdout).toBe('Nothing is delegated.\n');
    expect((await ada('delegations')).stdout).toMatch(/ taken back /);
    expect(problemOf(await ada('delegate', 'ADA@example.com', '--for', '1h', '--json'))).toMatchObject({ code: 'delegation-refused', exit: 1 });
    expect(problemOf(await ada('delegate', 'bob@example.com', '--for', 'long', '--json'))).toMatchObject({ code: 'usage', exit: 2 });
  });

  it('links names and accounts to a person, lists and unlinks them', async () => {
    const { identity } = await gateway.json<{ identity: string }>('approvals', 'link', 'carol@example.com', '--name', 'Carol.C');
    expect((await gateway.run('approvals', 'link', 'carol.c', '--slack', 'T0123/U0456')).stdout).toMatch(/: U0456 is carol@example.com\.\n$/);
    expect(await gateway.json('approvals', 'link', 'carol@example.com', '--oidc', 'https://login.example', '4711')).toMatchObject({ kind: 'oidc', subject: '4711' });
    const { items } = await gateway.json<{ items: { kind: string }[] }>('approvals', 'identities', '--person', 'carol.c');
    expect(items.map(({ kind }) => kind).sort()).toEqual(['name', 'oidc', 'slack']);
    expect((await gateway.run('approvals', 'identities', '--kind', 'slack')).stdout).toMatch(/ carol@example.com +slack +T0123 +U0456 /);
    expect(problemOf(await gateway.run('approvals', 'link', 'dave', '--name', 'carol.c', '--json'))).toMatchObject({ code: 'identity-taken', exit: 1 });
    expect(await gateway.json('approvals', 'unlink', identity)).toEqual({ unlinked: identity });
    expect(problemOf(await gateway.run('approvals', 'unlink', identity, '--json'))).toMatchObject({ code: 'not-found', exit: 1 });
  });

  it.each([
    [['link', 'dave']],
    [['link', 'dave', '--slack', 'U0456']],
    [['link', 'dave', '--oidc', 'https://login.example']],
    [['link', 'dave', '--name', 'd', '--slack', 'T1/U1']],
    [['unlink', 'nonsense']],
    [['undelegate', 'nonsense']],
    [['break-glass', '01M81WFYC9SAND8ZCQEERDAHTK']],
    [['review', '01M81WFYC9SAND8ZCQEERDAHTK', '--verdict', 'odd']],
  ])('says what is wrong with %j', async (args) => {
    const ran = await gateway.run('approvals', ...args, '--json');
    expect(ran.code).toBe(2);
    expect(JSON.parse(ran.stderr.slice(ran.stderr.indexOf('{"error"'))).error).toMatchObject({ code: 'usage', exit: 2 });
  });

  it('shows what a rule asks for, lets one person break the glass, and another one review it', async () => {
    const rules = join(folder, 'rules.yaml');
    const rule = {
      ...{ id: 'sums-by-finance', effect: 'hold', reason: 'Sums are for finance.', tools: ['everything/get-sum'] },
      approve: { quorum: 2, approvers: { people: ['bob@example.com'], groups: ['finance'] }, groups: [{ group: 'finance' }], break_glass: { groups: ['on-call'] } },
    };
    writeFileSync(rules, JSON.stringify({ version: 1, rules: [rule] }));
    const { number } = await gateway.json<{ number: number }>('policy', 'draft', rules, '--note', 'finance', '--activate');
    // Under the rules before, this one ran.
    await eventually(
      () => gateway.run('call', 'everything__echo', 'message=x'),
      ({ code }) => code !== 0,
    );
    const held = await gateway.run('call', 'everything__get-sum', 'a=40', 'b=2', '--json');
    const { approval } = JSON.parse(held.stdout) as { approval: string };
    const shown = await eventually(
      () => gateway.run('approvals', 'show', approval),
      ({ code }) => code === 0,
    );
    expect(shown.stdout).toMatch(/^missing +2 more, 1 of finance$/m);
    expect(shown.stdout).toMatch(/^asks for +among bob@example.com, members of finance; 1 of finance; in an emergency one of on-call$/m);
    const stranger = await as('eve@example.com', '--role', 'approver');
    expect(problemOf(await stranger('approve', approval, '--json'))).toMatchObject({ code: 'not-eligible' });
    const bob = await as('bob@example.com', '--role', 'approver');
    expect((await bob('approve', approval)).stdout).toMatch(/^Approved by 1 of 2: .* waits for 1 more, 1 of finance\.\n$/);
    const oncall = await as('olga@example.com', '--role', 'approver', '--group', 'on-call');
    const broken = await oncall('break-glass', approval, '--reason', 'payments stand still');
    expect(broken.stdout).toMatch(/^Approved: everything__get-sum .* Somebody else has to review this until \d{4}-.*\.\n$/);
    expect((await gateway.json<{ items: { approval: string }[] }>('approvals', 'list', '--review', 'due')).items).toMatchObject([{ approval }]);
    expect(problemOf(await oncall('review', approval, '--verdict', 'justified', '--json'))).toMatchObject({ code: 'four-eyes' });
    expect((await bob('review', approval, '--verdict', 'justified', '--comment', 'right so')).stdout).toBe(`Reviewed: ${approval} was justified.\n`);
    expect((await gateway.run('approvals', 'show', approval)).stdout).toMatch(/^alone +by olga@example.com: payments stand still \(justified, says bob@example.com: right so\)$/m);
    expect((await gateway.run('call', 'everything__get-sum', 'a=40', 'b=2', '--wait', '30s')).stdout).toBe('The sum of 40 and 2 is 42.\n');
    await gateway.json('policy', 'rollback', '--expected', String(number));
  });
});
