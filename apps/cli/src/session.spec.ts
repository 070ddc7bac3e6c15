import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { announce, claim } from '@customhouse/embedded/running';
import type { GlobalOptions } from './options.js';
import { Session } from './session.js';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'customhouse-session-'));
});
afterEach(() => rmSync(data, { recursive: true }));

const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });

function session(options: Partial<GlobalOptions> = {}, environment: Record<string, string> = {}, stdin = ''): Session {
  const surroundings = { environment, folder: data, home: '/home/ada', platform: 'linux', stdout: nowhere, stderr: nowhere, readStdin: () => stdin } as const;
  return new Session(surroundings, { data, ...options }, new AbortController().signal);
}

/** A gateway that runs on the data folder, as far as its file tells. */
function runGateway(): void {
  writeFileSync(join(data, 'operator-key'), 'chk_operator_0123456789\n', { mode: 0o600 });
  announce({ ...claim(data, '2026-11-22T10:00:00.000Z'), state: 'ready', mcp: 'http://127.0.0.1:1/mcp', api: 'http://127.0.0.1:2', operator_key_file: join(data, 'operator-key') });
}

describe('where a command finds the gateway', () => {
  it('is on this machine, by itself', () => {
    runGateway();
    expect(session().api('audit').url).toBe('http://127.0.0.1:2');
    expect(session().mcp()).toBe('http://127.0.0.1:1/mcp');
  });

  it('is where --api says, before anything that runs here', () => {
    runGateway();
    expect(session({ api: 'http://elsewhere:1' }, { CUSTOMHOUSE_KEY: 'chk_0123456789abcdef' }).api('audit').url).toBe('http://elsewhere:1');
  });

  it('is nowhere when nothing runs, and what to do is said', () => {
    expect(() => session().place()).toThrow(`no gateway runs on ${data}`);
    claim(data, '2026-11-22T10:00:00.000Z');
    expect(() => session().place()).toThrow('is still starting');
    writeFileSync(join(data, 'running.json'), '{');
    expect(() => session().place()).toThrow('has ended without an orderly stop');
  });

  it('must be known for the service that is asked', () => {
    const some = session({ api: 'audit=http://h:1' }, { CUSTOMHOUSE_KEY: 'chk_0123456789abcdef' });
    expect(some.api('audit').url).toBe('http://h:1');
    expect(() => some.api('policy')).toThrow('does not say where the policy service is');
    expect(() => some.mcp()).toThrow('does not say where agents connect');
  });
});

describe('the key', () => {
  it('comes from a file, from standard input, or from the environment, in this order', () => {
    writeFileSync(join(data, 'key'), ' chk_from_a_file_0123 \n');
    const environment = { CUSTOMHOUSE_KEY: 'chk_from_environment' };
    expect(session({ keyFile: join(data, 'key') }, environment).givenKey()).toBe('chk_from_a_file_0123');
    expect(session({ keyFile: '-' }, environment, 'chk_from_standard_input\n').givenKey()).toBe('chk_from_standard_input');
    expect(session({}, environment).givenKey()).toBe('chk_from_environment');
    expect(session().givenKey()).toBeUndefined();
  });

  it("of the gateway's operator is never sent to an address that was given", () => {
    runGateway();
    expect(() => session({ api: 'http://elsewhere:1' }).api('audit')).toThrow('the control API needs a key');
  });

  it.each(['', 'two words of a key 0123', 'short'])('is refused when it is none, and not repeated: %j', (text) => {
    writeFileSync(join(data, 'key'), text);
    expect(() => session({ keyFile: join(data, 'key') }).givenKey()).toThrow(`${join(data, 'key')} does not hold a key`);
  });
});

describe('the time limit', () => {
  it('is 30 seconds, or what is given', () => {
    expect(session().timeout_ms).toBe(30_000);
    expect(session({ timeout: '2m' }).timeout_ms).toBe(120_000);
    expect(() => session({ timeout: '0' })).toThrow('--timeout is "0": it must be between 1s and 1d');
  });
});
