import { describe, expect, it } from '@jest/globals';
import type { Json } from '@customhouse/kernel/canonical';
import { inspect } from './inspect.js';
import { redact } from './redact.js';
import { builtInPack } from './rule-pack.js';

/** Made of parts, so that scanners of source code do not take the examples for leaks. */
const made = (...parts: string[]): string => parts.join('');
const random = 'Zk3vN8qLw2RtY6uB1xCf7sHd4mJp9aGe5oTiQ0nWyXbVrUzPlKjMhGfDcSaEq';
const hex = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

const credentials: [string, string][] = [
  ['an AWS access key', made('AKIA', 'Z7QWERTY2UIOP5AS')],
  ['a GitHub token', made('ghp', '_', random.slice(0, 36))],
  ['a GitHub token', made('github', '_pat_', random.slice(0, 22), '_', random.slice(0, 59))],
  ['a GitLab token', made('glpat', '-', random.slice(0, 20))],
  ['a Slack token', made('xoxb', '-893582989554-899326518131-', random.slice(0, 24))],
  ['a Slack webhook', made('https://hooks.slack', '.com/services/T00AB12CD/B00AB12CD/', random.slice(0, 24))],
  ['a Stripe key', made('sk', '_live_', random.slice(0, 24))],
  ['a Google API key', made('AIza', random.slice(0, 35))],
  ['an OpenAI key', made('sk', '-proj-', random.slice(0, 48))],
  ['an Anthropic key', made('sk', '-ant-api03-', random.slice(0, 60))],
  ['an npm token', made('npm', '_', random.slice(0, 36))],
  ['a SendGrid key', made('SG', '.', random.slice(0, 22), '.', random.slice(0, 43))],
  ['a Databricks token', made('dapi', hex.slice(0, 32))],
  ['a HashiCorp Vault token', made('hvs', '.', random.slice(0, 24))],
  ['a private key', `-----BEGIN RSA PRIVATE KEY-----\n${random}\n${random}\n-----END RSA PRIVATE KEY-----`],
  ['a JSON Web Token', made('eyJhbGciOiJIUzI1NiJ9', '.', 'eyJzdWIiOiIxMjM0NTY3ODkwIn0', '.', random.slice(0, 43))],
  ['a password in a URL', made('postgres://app:', 'Tr0ub4dor', '@db.internal:5432/app')],
  ['an Authorization header', made('Authorization: Bearer ', random.slice(0, 40))],
  ['an AWS secret key', made('aws_secret_access_key = ', random.slice(0, 40))],
  ['a secret value', made('CLIENT_SECRET="', random.slice(0, 32), '"')],
  ['a password', made('password: ', 'Tr0ub4dor3')],
];

const found = (value: Json): string[] => inspect(builtInPack, 'result', value).map((finding) => finding.message);

describe('credentials', () => {
  it.each(credentials)('%s is found alone and inside a text', (name, text) => {
    expect(found([text])).toContain(`contains ${name}`);
    expect(found([`The value is ${text}\nand that is all.`])).toContain(`contains ${name}`);
  });

  it.each([
    'ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
    'AKIAIOSFODNN7EXAMPLE',
    'sk_live_<your key>',
    'password: ********',
    'password = process.env.DB_PASSWORD1',
    'token = getToken(request, 12345678901)',
    'the token expires in 3600 seconds',
    'postgres://user:$PASSWORD@localhost/db',
    'https://example.com/path?page=2@3',
    'commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b',
    'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'id: 123e4567-e89b-42d3-a456-426614174000',
    'secret: see the vault',
    '"nextPageToken": null',
  ])('is not a credential: %s', (text) => expect(found([text])).toEqual([]));

  it('are recognised by the name of their member', () => {
    expect(found({ clientSecret: random.slice(0, 30) })).toEqual(['contains a secret value']);
    expect(found({ db_password: 'Tr0ub4dor3' })).toEqual(['contains a secret value']);
    const harmless: Json[] = [{ nextPageToken: random.slice(0, 30) }, { secret: 'yes' }, { password: 'none' }, { token_count: '1234567890123456' }, { name: random.slice(0, 30) }];
    for (const value of harmless) expect(found(value)).toEqual([]);
  });
});

describe('redaction', () => {
  it.each(credentials)('removes %s and nothing around it', (_name, text) => {
    const value = { content: [{ type: 'text', text: `before (${text}) after`, n: 1, nothing: null }] };
    const clean = redact(builtInPack, value, inspect(builtInPack, 'result', value)) as typeof value;
    const secret = /Tr0ub4dor/.exec(text)?.[0] ?? (text.length > 60 ? text.slice(35, 55) : text.slice(-12, -2));
    expect(JSON.stringify(clean)).not.toContain(secret);
    expect(clean.content[0]!.text).toMatch(/^before \(.*\[credential removed\]/);
    expect(clean.content[0]).toMatchObject({ type: 'text', n: 1, nothing: null });
  });

  it('removes every one of several, also in names and by name', () => {
    const [one, two] = [credentials[1]![1], credentials[6]![1]];
    const value = { [one]: `${one} and ${two}, then ${one}`, clientSecret: random.slice(0, 30), list: [two, 'kept'] };
    const clean = redact(builtInPack, value, inspect(builtInPack, 'result', value));
    expect(clean).toEqual({
      '[credential removed]': '[credential removed] and [credential removed], then [credential removed]',
      clientSecret: '[credential removed]',
      list: ['[credential removed]', 'kept'],
    });
    expect(value.list[0]).toBe(two);
  });

  it('returns the value itself when no credential was found', () => {
    const value = { text: 'nothing here' };
    expect(redact(builtInPack, value, inspect(builtInPack, 'result', value))).toBe(value);
  });

  it('cuts off what was too much to be looked at', () => {
    const value = `${credentials[1]![1]} ${'token = ghp_ AKIA '.repeat(60_000)} ${credentials[6]![1]}`;
    const clean = redact(builtInPack, value, [{ rule: 'credential', severity: 'high', location: 'result', message: '' }]) as string;
    expect(clean).toContain('too suspicious to be shown');
    expect(clean).not.toContain(credentials[6]![1]);
  });
});
