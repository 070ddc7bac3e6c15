import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { customhouse, root } from './gateway.js';
import { eventually, problemOf, runningGateway } from './running-gateway.js';

jest.setTimeout(300_000);

const { gateway, folder } = runningGateway();
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('customhouse server', () => {
  it('lists servers for people and for programs', async () => {
    const text = await gateway.run('server', 'list');
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^SERVER +STATE +SERVED .*\neverything +reached +17 /);
    const { items, next } = await gateway.json<{ items: { name: string; served: number }[]; next: null }>('server', 'list');
    expect(items).toEqual([expect.objectContaining({ name: 'everything', served: 17, reachable: true })]);
    expect(next).toBeNull();
  });

  it('adds a server that is started as a process, shows, switches and removes it', async () => {
    const memory = join(root, 'node_modules/@modelcontextprotocol/server-memory/dist/index.js');
    const added = await gateway.run('server', 'add', 'memory', '--env', `MEMORY_FILE_PATH=${join(folder, 'memory.json')}`, '--', process.execPath, memory);
    expect(added.stderr).toBe('');
    expect(added.stdout).toMatch(/^memory: reached, memory-server .*\n {2}\d+ tools are served/);
    expect(await gateway.json('server', 'show', 'memory')).toMatchObject({ name: 'memory', transport: { kind: 'stdio', args: [memory] } });
    expect(await gateway.json('server', 'disable', 'memory')).toMatchObject({ enabled: false });
    expect(await gateway.json('server', 'enable', 'memory')).toMatchObject({ enabled: true });
    expect(await gateway.json('server', 'discover', 'memory')).toMatchObject({ reachable: true });
    expect(await gateway.json('server', 'remove', 'memory')).toEqual({ removed: 'memory' });
    expect(problemOf(await gateway.run('server', 'show', 'memory', '--json'))).toMatchObject({ code: 'not-found', exit: 1 });
  });

  it('says when a new server does not answer, and keeps it', async () => {
    const ran = await gateway.run('server', 'add', 'away', '--url', 'http://127.0.0.1:9/mcp');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain('away: NOT REACHED');
    expect(await gateway.json('server', 'remove', 'away')).toEqual({ removed: 'away' });
  });

  it.each([
    [['server', 'add', 'x'], 2, 'how is the server reached?'],
    [['server', 'add', 'x', '--url', 'http://h/mcp', '--', 'node'], 2, 'a server has either an address or a command'],
    [['server', 'add', 'Not_A_Name', '--url', 'http://127.0.0.1:9/mcp'], 2, 'a server name is 1 to 32 of a-z, 0-9 and -'],
    [['server', 'add', 'x', '--url', 'ftp://h'], 2, ''],
    [['server', 'add', 'x', '--env', 'novalue', '--', 'node'], 2, '--env is "novalue": it must be NAME=VALUE'],
    [['server', 'add', 'everything', '--url', 'http://127.0.0.1:9/mcp'], 1, ''],
    [['server', 'remove', 'nobody'], 1, ''],
    [['server', 'discover', 'nobody'], 1, ''],
  ])('refuses %j', async (args, code, message) => {
    const ran = await gateway.run(...args);
    expect(ran.code).toBe(code);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(/^error: \S/);
    expect(ran.stderr).toContain(message);
  });
});

describe('customhouse tools', () => {
  it('lists, shows and accepts tools', async () => {
    const text = await gateway.run('tools');
    expect(text.stdout).toMatch(/\neverything__echo +served +read-only/);
    const { items } = await gateway.json<{ items: { tool: string; digest: string }[] }>('tools', 'list', '--server', 'everything', '--status', 'served');
    const echo = items.find(({ tool }) => tool === 'echo')!;
    expect((await gateway.run('tools', 'show', 'everything__echo')).stdout).toContain('accepted  this definition');
    expect(await gateway.json('tools', 'accept', 'everything/echo', '--digest', echo.digest, '--label', 'read-only', '--label', 'idempotent')).toMatchObject({
      status: 'served',
      labels: expect.arrayContaining(['read-only', 'idempotent']),
    });
  });

  it.each([
    [['tools', 'show', 'everything__nothing'], 1, 'not-found'],
    [['tools', 'show', 'nonsense'], 2, 'usage'],
    [['tools', 'accept', 'everything__echo', '--label', 'harmless'], 2, 'usage'],
    [['tools', 'accept', 'everything__echo', '--digest', 'another'], 1, 'definition-changed'],
    [['tools', 'list', '--status', 'odd'], 2, 'usage'],
    [['tools', 'list', '--limit', '0'], 2, 'usage'],
  ])('refuses %j', async (args, exit, code) => {
    const ran = await gateway.run(...args, '--json');
    expect(ran.code).toBe(exit);
    expect(problemOf(ran)).toMatchObject({ exit, code });
  });
});

describe('customhouse prompts and resources', () => {
  it('lists, shows and accepts prompts', async () => {
    expect((await gateway.run('prompts')).stdout).toMatch(/\neverything__args-prompt +served /);
    const prompt = await gateway.json<{ digest: string }>('prompts', 'show', 'everything__args-prompt');
    expect((await gateway.run('prompts', 'show', 'everything/args-prompt')).stdout).toContain('accepted  this definition');
    expect(await gateway.json('prompts', 'accept', 'everything__args-prompt', '--digest', prompt.digest)).toMatchObject({ status: 'served', accepted: prompt.digest });
  });

  it('lists resources and templates', async () => {
    expect((await gateway.run('resources')).stdout).toMatch(/^SERVER +URI .*\neverything +\S+:\/\//);
    expect((await gateway.run('resources', 'templates', '--server', 'everything')).stdout).toMatch(/\neverything +\S+\{\w+\}/);
    expect(await gateway.json('resources', 'list', '--server', 'nothing')).toEqual({ items: [], next: null });
  });

  it.each([
    [['prompts', 'show', 'everything__nothing'], 1, 'not-found'],
    [['prompts', 'show', 'nonsense'], 2, 'usage'],
    [['prompts', 'accept', 'everything__args-prompt', '--digest', 'another'], 1, 'definition-changed'],
  ])('refuses %j', async (args, exit, code) => {
    expect(problemOf(await gateway.run(...args, '--json'))).toMatchObject({ exit, code });
  });
});

describe('customhouse toolset', () => {
  it('makes, shows, replaces, lists and removes toolsets', async () => {
    const made = await gateway.run('toolset', 'set', 'desk', '--tool', 'everything/echo', '--tool', 'everything/get-*', '--description', 'For the desk.');
    expect(made).toMatchObject({ code: 0, stdout: 'The toolset desk is served at /mcp/desk.\n' });
    expect(await gateway.json('toolset', 'show', 'desk')).toMatchObject({ tools: ['everything/echo', 'everything/get-*'], prompts: [], search: false });
    expect(await gateway.json('toolset', 'set', 'desk', '--tool', '*/*', '--search')).toMatchObject({ tools: ['*/*'], description: '', search: true });
    expect((await gateway.run('toolset')).stdout).toMatch(/\ndesk +\*\/\* .* yes/);
    expect(await gateway.json('toolset', 'remove', 'desk')).toEqual({ removed: 'desk' });
    expect(problemOf(await gateway.run('toolset', 'show', 'desk', '--json'))).toMatchObject({ code: 'not-found', exit: 1 });
  });

  it('says what is wrong with a pattern', async () => {
    expect(problemOf(await gateway.run('toolset', 'set', 'desk', '--tool', 'no-slash', '--json'))).toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining('server/tool'),
    });
  });
});

describe('customhouse call', () => {
  it('says of the operator’s key that it calls nothing, and which key does', async () => {
    const ran = await gateway.run('call', 'everything__echo', 'message=x', '--key-file', gateway.ready.operator_key_file!);
    expect(ran.code).toBe(6);
    expect(ran.stderr).toContain('this is the key of the operator, which opens the control API and calls nothing');
    expect(ran.stderr).toContain('customhouse keys create --role agent');
    expect(ran.stderr).not.toContain('not copied whole');
    expect(ran.stderr).not.toContain(readFileSync(gateway.ready.operator_key_file!, 'utf8').trim());
  });

  it('makes an allowed call', async () => {
    const text = await gateway.run('call', 'everything__echo', 'message=hello');
    expect(text).toMatchObject({ code: 0, stdout: 'Echo: hello\n' });
    const report = await gateway.json<{ call: string }>('call', 'everything__echo', '--args', '{"message":"hello"}');
    expect(report).toMatchObject({ status: 'completed', tool: 'everything__echo', approval: null, result: { content: [{ type: 'text', text: 'Echo: hello' }] } });
    expect(report.call).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
  });

  it('takes arguments from a file, from standard input, and as pairs that the schema gives their types', async () => {
    expect((await gateway.run('call', 'everything__echo', '--args', `@${file('args.json', '{"message":"from a file"}')}`)).stdout).toBe('Echo: from a file\n');
    expect((await customhouse(['--data', gateway.data, 'call', 'everything__echo', '--args', '-'], { stdin: '{"message":"from stdin"}' })).stdout).toBe('Echo: from stdin\n');
    expect((await gateway.run('call', 'everything__echo', '--args', 'message=42')).stdout).toBe('Echo: 42\n');
  });

  it('is made as the agent of a key, where one is given', async () => {
    const report = await customhouse(['--data', gateway.data, 'call', 'everything__echo', 'message=hi', '--json'], { environment: { CUSTOMHOUSE_KEY: gateway.ready.key } });
    expect(report.code).toBe(0);
    const { call } = JSON.parse(report.stdout) as { call: string };
    expect(
      await eventually(
        () => gateway.run('audit', 'show', call, '--json'),
        ({ code }) => code === 0,
      ),
    ).toMatchObject({ stdout: expect.stringContaining('"agent":"developer-agent"') });
  });

  it('ends with 3 when policy refuses, and says which rule', async () => {
    const text = await gateway.run('call', 'everything__get-env');
    expect(text.code).toBe(3);
    expect(text.stdout).toContain('Refused by policy');
    expect(text.stderr).toMatch(/^Refused \(process-environment.*\)\. What happened: customhouse audit show [0-9A-Z]{26}\n$/);
    const json = await gateway.run('call', 'everything__get-env', '--json');
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({ status: 'refused', rules: expect.arrayContaining(['process-environment']) });
    expect(json.stderr).toBe('');
  });

  it("ends with 1 when the tool reports an error, which is not the gateway's", async () => {
    const ran = await gateway.run('call', 'everything__get-annotated-message', 'messageType=odd', '--json');
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({ status: 'error', result: { isError: true } });
  });

  it('ends with 4 when it is held, and with --wait when somebody decided', async () => {
    const held = await gateway.run('call', 'everything__get-sum', 'a=1', 'b=11', '--json');
    expect(held.code).toBe(4);
    const { approval, status } = JSON.parse(held.stdout) as { approval: string; status: string };
    expect(status).toBe('pending');
    const waiting = gateway.run('call', 'everything__get-sum', 'a=1', 'b=11', '--wait', '30s');
    await eventually(
      () => gateway.run('approvals', 'show', approval),
      ({ code }) => code === 0,
    );
    await gateway.json('approvals', 'approve', approval);
    expect(await waiting).toMatchObject({ code: 0, stdout: 'The sum of 1 and 11 is 12.\n' });
  });

  it('ends with 4 when the time to wait is over, and with 3 when somebody denies', async () => {
    const short = await gateway.run('call', 'everything__get-sum', 'a=1', 'b=12', '--wait', '2s');
    expect(short.code).toBe(4);
    expect(short.stderr).toContain('customhouse approvals approve ');
    const [approval] = await openApprovals();
    await gateway.json('approvals', 'deny', approval!, '--reason', 'not today');
    const denied = await gateway.run('call', 'everything__get-sum', 'a=1', 'b=12', '--wait', '20s', '--json');
    expect(denied.code).toBe(3);
    expect(JSON.parse(denied.stdout)).toMatchObject({ status: 'denied', approval });
  });

  it('can be interrupted while it waits, and the request stays', async () => {
    const child = gateway.run('call', 'everything__get-sum', 'a=1', 'b=13', '--wait');
    const [approval] = await eventually(openApprovals, (open) => open.length > 0);
    process.kill(await childOf('b=13'), 'SIGINT');
    expect((await child).code).toBe(130);
    expect(await openApprovals()).toContain(approval);
    await gateway.json('approvals', 'cancel', approval!);
  });

  it.each([
    [['call', 'everything__nothing'], 1, 'there is no tool "everything__nothing"'],
    [['call', 'everything__echo', 'message'], 2, '"message" is not an argument'],
    [['call', 'everything__echo', '--args', '{'], 2, '--args is not JSON'],
    [['call', 'everything__echo', '--args', '[]'], 2, '"[]" is not an argument'],
    [['call', 'everything__echo', '--args', '@/nowhere.json'], 2, 'cannot read /nowhere.json: it does not exist'],
    [['call', 'everything__echo', '--args', '{}', '--args', '{}'], 2, '--args is given twice'],
    [['call', 'everything__echo', 'message=x', '--wait', 'long'], 2, '"long" is not a length of time'],
    [['call'], 2, "missing required argument 'tool'"],
    [['call', 'everything__echo', 'message=x', '--mcp', 'http://127.0.0.1:9/mcp'], 5, 'cannot be reached'],
  ])('refuses %j', async (args, code, message) => {
    const ran = await gateway.run(...args);
    expect(ran).toMatchObject({ code, stdout: '' });
    expect(ran.stderr).toContain(message);
    expect(ran.stderr).not.toMatch(/^\s+at /m);
  });

  it('with a key that is none ends with 6', async () => {
    const wrong = file('wrong.key', `chk_0123456789abcdef_${'a'.repeat(43)}\n`);
    const ran = await gateway.run('call', 'everything__echo', 'message=x', '--key-file', wrong);
    expect(ran.code).toBe(6);
    expect(ran.stderr).not.toContain('aaaaaaaaaa');
  });
});

async function openApprovals(): Promise<string[]> {
  const { items } = await gateway.json<{ items: { approval: string }[] }>('approvals', 'list');
  return items.map(({ approval }) => approval);
}

/** The process whose command line ends like this. */
async function childOf(ending: string): Promise<number> {
  const found = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .find((line) => line.includes('customhouse.mjs') && line.includes(gateway.data) && line.includes(ending));
  return Number(found!.trim().split(' ')[0]);
}

describe('customhouse approvals', () => {
  it('shows what would run, argument by argument, and lets another person decide', async () => {
    const held = await gateway.run('call', 'everything__get-sum', 'a=2', 'b=21', '--json');
    const { approval } = JSON.parse(held.stdout) as { approval: string };
    const shown = await eventually(
      () => gateway.run('approvals', 'show', approval.toLowerCase()),
      ({ code }) => code === 0,
    );
    expect(shown.stdout).toMatch(/^status +open$/m);
    expect(shown.stdout).toContain('/b = 21');
    const list = await gateway.run('approvals', 'list');
    expect(list.stdout).toContain(approval);
    const { binding } = await gateway.json<{ binding: string }>('approvals', 'show', approval);
    const other = await gateway.run('approvals', 'approve', approval, '--binding', 'x'.repeat(43), '--json');
    expect(problemOf(other)).toMatchObject({ code: 'digest-mismatch', exit: 1 });
    const approved = await gateway.run('approvals', 'approve', approval, '--binding', binding, '--reason', 'fine');
    expect(approved).toMatchObject({ code: 0, stdout: 'Approved: everything__get-sum for development (developer@localhost) runs now.\n' });
    const late = await gateway.run('approvals', 'deny', approval, '--json');
    expect(problemOf(late)).toMatchObject({ code: 'already-decided', exit: 1 });
  });

  it('lets nobody decide about an own call', async () => {
    const key = await newKey('both', 'ada@example.com', 'agent', 'approver');
    const held = await customhouse(['--data', gateway.data, 'call', 'everything__get-sum', 'a=2', 'b=22', '--json'], { environment: { CUSTOMHOUSE_KEY: key } });
    const { approval } = JSON.parse(held.stdout) as { approval: string };
    await eventually(
      () => gateway.run('approvals', 'show', approval),
      ({ code }) => code === 0,
    );
    const own = await customhouse(['--data', gateway.data, 'approvals', 'approve', approval, '--json'], { environment: { CUSTOMHOUSE_KEY: key } });
    expect(problemOf(own)).toMatchObject({ code: 'four-eyes', exit: 6 });
    await gateway.json('approvals', 'deny', approval);
  });

  it('are watched as they come', async () => {
    let shown = '';
    const watching = customhouse(['--data', gateway.data, 'approvals', 'watch', '--interval', '0.2'], {
      until: (stdout) => {
        shown = stdout;
        return /^(?:denied|closed)/m.test(stdout);
      },
    });
    const held = await gateway.run('call', 'everything__get-sum', 'a=2', 'b=23', '--json');
    const { approval } = JSON.parse(held.stdout) as { approval: string };
    await eventually(
      () => Promise.resolve(shown),
      (text) => text.includes(approval),
    );
    expect((await gateway.run('approvals', 'deny', approval)).code).toBe(0);
    const watched = await watching;
    expect(watched.code).toBe(130);
    // Between two looks it may have gone on from `denied` to `closed`.
    expect(watched.stdout).toMatch(new RegExp(`^open +${approval} .*\\n(?:.*\\n)*(?:denied|closed) +${approval} `, 'm'));
  });

  it.each([
    [['approvals', 'show', 'nonsense'], 2, 'usage'],
    [['approvals', 'show', '01M81WFYC9SAND8ZCQEERDAHTK'], 1, 'not-found'],
    [['approvals', 'approve', '01M81WFYC9SAND8ZCQEERDAHTK'], 1, 'not-found'],
    [['approvals', 'list', '--status', 'maybe'], 2, 'usage'],
    [['approvals', 'list', '--cursor', 'nonsense'], 2, ''],
    [['approvals'], 2, 'usage'],
  ])('refuses %j', async (args, exit, code) => {
    const ran = await gateway.run(...args, '--json');
    expect(ran.code).toBe(exit);
    expect(JSON.parse(ran.stderr.slice(ran.stderr.indexOf('{"error"'))).error).toMatchObject({ exit, ...(code && { code }) });
  });
});

async function newKey(agent: string, person: string, ...roles: string[]): Promise<string> {
  const { presented } = await gateway.json<{ presented: string }>('keys', 'create', '--agent', agent, '--person', person, ...roles.flatMap((role) => ['--role', role]));
  return presented;
}

describe('customhouse keys', () => {
  it('issues a key into a file, lists it without its secret, and revokes it', async () => {
    const path = join(folder, 'new.key');
    const created = await gateway.run(
      'keys',
      'create',
      '--agent',
      'build',
      '--person',
      'ada@example.com',
      '--role',
      'agent',
      '--role',
      'auditor',
      '--group',
      'ops',
      '--owner',
      'grace@example.com',
      ...['team=build', 'level=2', 'temporary=false', 'region=eu', 'region=us'].flatMap((attribute) => ['--attribute', attribute]),
      '--expires',
      '30d',
      '--output',
      path,
    );
    expect(created.code).toBe(0);
    expect(created.stdout).toBe(`${path}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const key = readFileSync(path, 'utf8').trim();
    const id = /^chk_([0-9a-f]{16})_/.exec(key)![1]!;
    expect(created.stderr).toContain(`Key ${id} for build, acting for ada@example.com: agent, auditor, until `);
    const { items } = await gateway.json<{ items: { id: string }[] }>('keys', 'list');
    expect(items.find((one) => one.id === id)).toMatchObject({ owner: 'grace@example.com', attributes: { team: 'build', level: 2, temporary: false, region: ['eu', 'us'] } });
    const list = await gateway.run('keys', 'list');
    expect(list.stdout).toMatch(new RegExp(`^${id} +build +ada@example.com +grace@example.com +agent, auditor .* good$`, 'm'));
    expect(list.stdout).not.toContain(key.slice(21));
    expect((await gateway.run('audit', 'status', '--key-file', path)).code).toBe(0);
    expect(await gateway.json('keys', 'revoke', id)).toEqual({ revoked: id });
    const refused = await eventually(
      () => gateway.run('audit', 'status', '--key-file', path, '--json'),
      ({ code }) => code !== 0,
    );
    expect(problemOf(refused)).toMatchObject({ code: 'unauthenticated', exit: 6 });
    expect((await gateway.run('keys', 'list')).stdout).toMatch(new RegExp(`^${id} .* revoked$`, 'm'));
  });

  it.each([
    [['keys', 'create', '--agent', 'a', '--person', 'p'], 2, 'what may the key do?'],
    [['keys', 'create', '--agent', 'a', '--person', 'p', '--role', 'king'], 2, '"king" is not a role'],
    [['keys', 'create', '--agent', 'a', '--person', 'p', '--role', 'agent', '--attribute', 'finance'], 2, '"finance" is no attribute'],
    [['keys', 'create', '--agent', 'a', '--role', 'agent'], 2, "required option '--person <name>' not specified"],
    [['keys', 'create', '--agent', 'a', '--person', 'p', '--role', 'agent', '--expires', 'soon'], 2, '"soon" is not a length of time'],
    [['keys', 'create', '--agent', 'a', '--person', 'p', '--role', 'agent', '--output', '/nowhere/key'], 2, 'the folder does not exist'],
    [['keys', 'revoke', 'nobody'], 1, ''],
  ])('refuses %j', async (args, code, message) => {
    const ran = await gateway.run(...args);
    expect(ran).toMatchObject({ code, stdout: '' });
    expect(ran.stderr).toContain(message);
  });

  it('does not leave an empty file behind when no key was issued', async () => {
    const path = join(folder, 'never.key');
    const ran = await gateway.run('keys', 'create', '--agent', '', '--person', 'p', '--role', 'agent', '--output', path);
    expect(ran.code).toBe(2);
    expect(existsSync(path)).toBe(false);
  });

  it('lets a key do what its roles say, and nothing else', async () => {
    const agent = await newKey('only-agent', 'ada@example.com', 'agent');
    const ran = await customhouse(['--data', gateway.data, 'policy', 'show', '--json'], { environment: { CUSTOMHOUSE_KEY: agent } });
    expect(problemOf(ran)).toMatchObject({ code: 'forbidden', exit: 6 });
  });
});

describe('customhouse policy', () => {
  it('shows what decides, and the rules alone as a file that can be drafted again', async () => {
    expect((await gateway.run('policy', 'show')).stdout).toMatch(/^decides +yes, since /m);
    const rules = await gateway.run('policy', 'show', '--rules');
    const again = await gateway.run('policy', 'draft', file('same.yaml', rules.stdout), '--note', 'the same', '--json');
    expect(again.code).toBe(0);
    const { number, digest } = JSON.parse(again.stdout) as { number: number; digest: string };
    expect(digest).toBe((await gateway.json<{ digest: string }>('policy', 'show')).digest);
    expect(await gateway.json('policy', 'show', String(number))).toMatchObject({ note: 'the same', active: false });
  });

  it('drafts, tests, activates and rolls back, and calls are decided by what is active', async () => {
    const before = await gateway.json<{ number: number }>('policy', 'show');
    const rules = file('closed.yaml', 'version: 1\nrules:\n  - { id: closed, effect: refuse, reason: Closed today., tools: ["*/*"] }\n');
    const cases = file(
      'closed-cases.yaml',
      'cases:\n  - name: Everything is closed\n    call: { server: everything, tool: echo }\n    decision: { effect: refuse, rules: [closed] }\n',
    );
    const drafted = await gateway.run('policy', 'draft', '-', '--cases', cases, '--json');
    expect(drafted.code).toBe(2);
    const { number } = await gateway.json<{ number: number }>('policy', 'draft', rules, '--cases', cases, '--note', 'closed');
    expect((await gateway.run('policy', 'test', cases, '--policy-version', String(number))).stdout).toBe('1 of 1 tests pass\n');
    const failed = await gateway.run('policy', 'test', cases);
    expect(failed.code).toBe(1);
    expect(failed.stdout).toMatch(/^FAILED .*Everything is closed\n {8}the effect is allow|^FAILED .*Everything is closed\n {8}the effect is hold/);
    expect((await gateway.run('policy', 'activate', String(number))).stdout).toBe(`Version ${number} decides from now on.\n`);
    const refused = await eventually(
      () => gateway.run('call', 'everything__echo', 'message=x', '--json'),
      ({ code }) => code === 3,
    );
    expect(JSON.parse(refused.stdout)).toMatchObject({ status: 'refused', rules: ['closed'] });
    const wrong = await gateway.run('policy', 'rollback', '--expected', String(before.number), '--json');
    expect(problemOf(wrong)).toMatchObject({ code: 'conflict', exit: 1 });
    expect(await gateway.json('policy', 'rollback', '--expected', String(number))).toMatchObject({ number: before.number, active: true });
    expect(
      (
        await eventually(
          () => gateway.run('call', 'everything__echo', 'message=x'),
          ({ code }) => code === 0,
        )
      ).stdout,
    ).toBe('Echo: x\n');
    expect((await gateway.run('policy', 'versions')).stdout).toMatch(new RegExp(`^${number} +tested .* closed$`, 'm'));
  });

  it('says what would be decided', async () => {
    const text = await gateway.run('policy', 'decide', 'everything__get-env', '--label', 'read-only');
    expect(text.stdout).toMatch(/^effect +refuse$/m);
    expect(await gateway.json('policy', 'decide', 'everything/get-sum', 'a=1', '--label', 'read-only')).toMatchObject({ decision: { effect: 'hold' }, event: 'call.held' });
    const decided = (...args: string[]) => gateway.json<{ decision: { effect: string } }>('policy', 'decide', ...args).then(({ decision }) => decision.effect);
    expect(await decided('everything/simple-prompt', '--method', 'prompts/get')).toBe('allow');
    expect(await decided('everything/demo://resource/static/document/a.md', '--method', 'resources/read')).toBe('allow');
    expect(await decided('everything/echo', '--method', 'elicitation/create')).toBe('allow');
    expect(await decided('everything/echo', '--method', 'sampling/createMessage')).toBe('refuse');
  });

  it.each([
    [['policy', 'draft', 'BAD'], 2, 'invalid-rules'],
    [['policy', 'draft', '/nowhere.yaml'], 2, 'usage'],
    [['policy', 'activate', '4711'], 1, 'not-found'],
    [['policy', 'activate', 'latest'], 2, 'usage'],
    [['policy', 'show', '4711'], 1, 'not-found'],
    [['policy', 'decide', 'nonsense'], 2, 'usage'],
    [['policy', 'decide', 'everything/echo', '--method', 'tools/list'], 2, 'usage'],
    [['policy', 'test', 'BAD'], 2, 'usage'],
  ])('refuses %j', async (args, exit, code) => {
    const bad = file('bad.yaml', 'version: 1\nrules:\n  - { id: Not Kebab, effect: maybe, reason: x, tools: [everything] }\n');
    const ran = await gateway.run(...args.map((arg) => (arg === 'BAD' ? bad : arg)), '--json');
    expect(ran.code).toBe(exit);
    const problem = problemOf(ran);
    expect(problem).toMatchObject({ code, exit });
    if (code === 'invalid-rules') expect(problem.details!.length).toBeGreaterThanOrEqual(3);
  });
});

describe('customhouse stop, stops and lift', () => {
  it('stops a tool for everybody within a moment, lists the stop, and lets the tool go again', async () => {
    const echo = () => gateway.run('call', 'everything__echo', 'message=x', '--json');
    expect((await gateway.run('stops')).stdout).toBe('Nothing is stopped.\n');
    const stopped = await gateway.run('stop', 'tool', 'everything/echo', '--reason', 'It echoes too much.');
    expect(stopped).toMatchObject({ code: 0, stdout: 'Stopped: tool everything/echo. Its calls are refused from now on.\n' });
    const refused = await eventually(echo, ({ code }) => code === 3);
    expect(JSON.parse(refused.stdout)).toMatchObject({ status: 'refused', rules: ['stopped'] });
    expect((await gateway.run('stops')).stdout).toMatch(/^SINCE +KIND +NAME +BY +REASON *\n\S+ +tool +everything\/echo +\S+ +It echoes too much\.$/m);
    expect((await gateway.run('lift', 'tool', 'everything/echo')).stdout).toBe('Lifted: tool everything/echo. The rules decide again.\n');
    expect((await eventually(echo, ({ code }) => code === 0)).code).toBe(0);
  });

  it('stops everything without a name and a reason', async () => {
    expect(await gateway.json('stop', 'everything')).toMatchObject({ kind: 'everything', reason: 'No reason was given.' });
    expect(await gateway.json('lift', 'everything')).toEqual({ lifted: { kind: 'everything', name: '*' } });
  });

  it.each([
    [['stop', 'agent'], 2, 'invalid-request'],
    [['stop', 'planet', 'x'], 2, 'usage'],
    [['stop', 'tool', 'echo'], 2, 'invalid-request'],
    [['lift', 'agent', 'nobody'], 1, 'not-found'],
  ])('refuses %j', async (args, exit, code) => {
    expect(problemOf(await gateway.run(...args, '--json'))).toMatchObject({ code, exit });
  });
});

describe('customhouse audit', () => {
  it('finds a call, shows it from its first event to its last, and exports it', async () => {
    const { call } = await gateway.json<{ call: string }>('call', 'everything__echo', 'message=for the audit');
    const shown = await eventually(
      () => gateway.run('audit', 'show', call),
      ({ code, stdout }) => code === 0 && stdout.includes('call.completed'),
    );
    expect(shown.stdout).toMatch(/^status +completed$/m);
    expect(shown.stdout).toContain('"message": "for the audit"');
    expect(shown.stdout).toMatch(/call\.admitted[\s\S]*call\.completed/);
    const text = await gateway.run('audit', 'search', '--tool', 'echo', '--status', 'completed', '--since', '1h', '--limit', '2');
    expect(text.stdout).toContain(call);
    expect(text.stderr).toMatch(/^There is more: --cursor \S+ \(or --all\)\n$/);
    const page = await gateway.json<{ items: { call: string }[]; next: string; complete_until: string }>('audit', 'search', '--person', 'developer@localhost', '--limit', '1');
    expect(page.items).toHaveLength(1);
    const second = await gateway.json<{ items: { call: string }[] }>('audit', 'search', '--person', 'developer@localhost', '--limit', '1', '--cursor', page.next);
    expect(second.items[0]!.call).not.toBe(page.items[0]!.call);
    expect((await gateway.json<{ items: unknown[] }>('audit', 'search', 'everything', '--all')).items.length).toBeGreaterThan(3);
    expect((await gateway.json<{ items: { call: string }[] }>('audit', 'search', '--method', 'tools/call', '--all')).items.map((item) => item.call)).toContain(call);
    expect((await gateway.json<{ items: unknown[] }>('audit', 'search', '--during', call)).items).toEqual([]);
    expect((await gateway.run('audit', 'search', '--method', 'resources/read')).stdout).not.toContain(call);

    const path = join(folder, 'calls.jsonl');
    expect((await gateway.run('audit', 'export', '--tool', 'echo', '--output', path)).stdout).toMatch(/calls\.jsonl: \d+ calls\n$/);
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { call: string }).call)).toContain(call);
    const events = await gateway.run('audit', 'export', '--events');
    expect(
      events.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { position: { topic: string } }).position.topic),
    ).toContain('customhouse.calls');
  });

  it('follows events as they come, without a gap', async () => {
    const tail = customhouse(['--data', gateway.data, 'audit', 'tail', '--type', 'call.', '--json'], { until: (stdout) => stdout.includes('call.completed') });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await gateway.run('call', 'everything__echo', 'message=tail');
    const { code, stdout } = await tail;
    expect(code).toBe(130);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { type: string }).type),
    ).toEqual(expect.arrayContaining(['call.admitted', 'call.completed']));
    expect((await gateway.run('audit', 'tail', '--after', '0', '--count', '3')).stdout.trim().split('\n')).toHaveLength(3);
  });

  it('says how complete it is, rebuilds, and has no contradictions', async () => {
    expect((await gateway.run('audit', 'status')).stdout).toMatch(/^complete until +20\d\d-/);
    expect((await gateway.run('audit', 'anomalies')).stdout).toBe('Nothing contradicts itself.\n');
    expect(await gateway.json('audit', 'rebuild')).toMatchObject({ source: 'log' });
    const rebuilt = await eventually(
      () => gateway.json<{ rebuild: { state: string } }>('audit', 'status'),
      ({ rebuild }) => rebuild.state !== 'running',
    );
    expect(rebuilt).toMatchObject({ rebuild: { state: 'swapped', equal: true } });
  });

  it.each([
    [['audit', 'show', 'nonsense'], 2, 'usage'],
    [['audit', 'show', '01M81WFYC9SAND8ZCQEERDAHTK'], 1, 'not-found'],
    [['audit', 'search', '--since', 'yesterday'], 2, 'usage'],
    [['audit', 'search', '--cursor', 'nonsense'], 2, 'bad-cursor'],
    [['audit', 'search', '--all', '--cursor', 'x'], 2, 'usage'],
    [['audit', 'tail', '--after', 'now'], 2, 'usage'],
    [['audit', 'export', '--events', '--agent', 'x'], 2, 'usage'],
    [['audit', 'export', '--output', '/nowhere/x.jsonl'], 1, 'failed'],
  ])('refuses %j', async (args, exit, code) => {
    const ran = await gateway.run(...args, '--json');
    expect(ran.code).toBe(exit);
    expect(problemOf(ran)).toMatchObject({ code, exit });
  });
});

describe('customhouse findings', () => {
  it('lists what the scanner found', async () => {
    expect((await gateway.run('findings', '--kind', 'definition')).code).toBe(0);
    expect(await gateway.json('findings', '--severity', 'critical')).toMatchObject({ items: expect.any(Array), next: null });
    expect((await gateway.run('findings', '--call', 'nonsense')).code).toBe(2);
  });
});

describe('customhouse connect', () => {
  it('writes the address of the running gateway, with a backup, and takes it out again', async () => {
    const path = file('claude.json', '{\n  "kept": true\n}\n');
    const dry = await gateway.run('connect', 'claude-code', '--file', path, '--dry-run');
    expect(dry.stdout).toContain(`+     "customhouse": {`);
    expect(readFileSync(path, 'utf8')).toBe('{\n  "kept": true\n}\n');
    const written = await gateway.json<{ backup: string; changed: boolean }>('connect', 'claude-code', '--file', path);
    expect(written.changed).toBe(true);
    expect(readFileSync(written.backup, 'utf8')).toBe('{\n  "kept": true\n}\n');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ kept: true, mcpServers: { customhouse: { type: 'http', url: gateway.ready.mcp } } });
    expect((await gateway.run('connect', 'claude-code', '--file', path)).stdout).toContain('nothing was changed');
    expect(await gateway.json('connect', 'claude-code', '--file', path, '--remove')).toMatchObject({ changed: true, entry: null });
  });

  it('never shows a key that it embeds, and closes the file to others', async () => {
    const path = join(folder, 'cursor.json');
    const key = file('agent.key', `${gateway.ready.key}\n`);
    const ran = await gateway.run('connect', 'cursor', '--file', path, '--key', 'embed', '--key-file', key);
    expect(ran.stdout + ran.stderr).not.toContain(gateway.ready.key);
    expect(readFileSync(path, 'utf8')).toContain(`Bearer ${gateway.ready.key}`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('writes into a project', async () => {
    const ran = await customhouse(['--data', gateway.data, 'connect', 'vscode', '--project', '--json'], { folder });
    expect(JSON.parse(ran.stdout)).toMatchObject({ file: join(folder, '.vscode/mcp.json'), changed: true });
  });

  it.each([
    [['connect', 'emacs'], "argument 'client'"],
    [['connect', 'cursor', '--key', 'embed', '--file', '/nowhere'], '--key embed needs the key'],
    [['connect', 'cursor', '--name', 'no good'], '--name is "no good"'],
  ])('refuses %j', async (args, message) => {
    const ran = await gateway.run(...args);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain(message);
  });
});

describe('customhouse', () => {
  it('finds what is wrong', async () => {
    const well = await gateway.json<{ ok: boolean; findings: { check: string; status: string }[] }>('doctor');
    expect(well.ok).toBe(true);
    expect(well.findings.map(({ check }) => check)).toEqual(['node', 'data folder', 'instance', 'control API', 'key', 'agents', 'server everything']);
    const ill = await gateway.run('doctor', '--api', `registry=${gateway.ready.api},audit=http://127.0.0.1:9`);
    expect(ill.code).toBe(1);
    expect(ill.stdout).toMatch(/^FAILED {3}control API of audit: /m);
    expect(ill.stdout).toMatch(/^ok {7}control API of registry: /m);
  });

  it('reaches services at addresses of their own, with a key of its own', async () => {
    const place = `registry=${gateway.ready.api},audit=${gateway.ready.api},ingress=${new URL(gateway.ready.mcp).origin}`;
    const environment = { CUSTOMHOUSE_API_URL: place, CUSTOMHOUSE_KEY_FILE: gateway.ready.operator_key_file! };
    expect((await customhouse(['server', 'list', '--json'], { environment })).code).toBe(0);
    expect((await customhouse(['call', 'everything__echo', 'message=x'], { environment: { CUSTOMHOUSE_API_URL: place } })).stdout).toBe('Echo: x\n');
    const missing = await customhouse(['policy', 'show'], { environment });
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('does not say where the policy service is') });
  });

  it('ends with 5 where nothing runs, and says what to do', async () => {
    const ran = await customhouse(['server', 'list', '--data', folder, '--json']);
    expect(ran.code).toBe(5);
    expect(problemOf(ran)).toMatchObject({ code: 'unreachable', exit: 5 });
  });

  it('says what is not a command, and what may have been meant', async () => {
    const ran = await gateway.run('approval', 'list');
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('(Did you mean approvals?)');
  });

  it('helps with every command', async () => {
    for (const args of [[], ['server'], ['server', 'add'], ['audit', 'export']]) {
      const help = await customhouse([...args, '--help']);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(/^Usage: customhouse/);
    }
    expect((await customhouse(['--help'])).stdout).toContain('Exit codes:');
  });

  it('does not mind when nobody reads on', async () => {
    const stdout = execFileSync(
      'bash',
      ['-c', `"${process.execPath}" apps/cli/bin/customhouse.mjs audit export --events --data "$0" | head -n 1; exit \${PIPESTATUS[0]}`, gateway.data],
      { cwd: root, encoding: 'utf8' },
    );
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  it('prints a completion script that knows its commands', async () => {
    expect((await customhouse(['completion', 'bash'])).stdout).toContain("' approvals approve'");
    expect((await customhouse(['completion', 'tcsh'])).code).toBe(2);
  });
});
