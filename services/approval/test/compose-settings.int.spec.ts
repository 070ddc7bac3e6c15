import { afterAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSettings } from '@customhouse/settings/settings';
import { approvalSettings } from '../src/config.js';
import { pageSettings } from '../src/places.js';
import { slackApp } from '../src/slack-settings.js';
import { hooksOf } from '../src/webhook-settings.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'customhouse-compose-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Installation {
  readonly services: Readonly<
    Record<string, { readonly environment?: Readonly<Record<string, string>>; readonly secrets?: readonly { readonly source: string; readonly target: string }[] }>
  >;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

/** docker-compose.yml as Docker Compose itself reads it, with these variables in the shell. Undefined where there is none. */
function installation(variables: Readonly<Record<string, string>> = {}): Installation | undefined {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CUSTOMHOUSE_')));
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  // No .env of whoever runs the test.
  const args = ['compose', '--env-file', '/dev/null', '-f', 'docker-compose.yml', 'config', '--format', 'json'];
  return JSON.parse(execFileSync('docker', args, { cwd: root, env: { ...own, ...variables }, encoding: 'utf8' })) as Installation;
}

/** The settings of the approval service in it, with its secrets where the container has them. */
function settingsIn({ services, secrets }: Installation) {
  const { environment = {}, secrets: mounted = [] } = services['approval']!;
  const readFile = (path: string): string => readFileSync(secrets[mounted.find(({ target }) => target === path)!.source]!.file, 'utf8');
  return loadSettings(approvalSettings, environment, readFile);
}

const plain = {
  PUBLIC_URL: 'https://customhouse.example',
  OIDC_ISSUER: 'https://login.example',
  OIDC_CLIENT_ID: 'client-1',
  OIDC_SCOPE: 'openid groups',
  OIDC_PERSON_CLAIM: 'upn',
  OIDC_GROUPS_CLAIM: 'roles',
  APPROVER_GROUPS: 'approvers',
  SESSION_S: '600',
  FRESH_LOGIN_S: '60',
  SLACK_APP_ID: 'A0123',
  SLACK_TEAM_ID: 'T0123',
  SLACK_CHANNEL: 'C0123',
  SLACK_GROUP_CHANNELS: 'finance=C0456',
  SLACK_ARGUMENTS: 'hidden',
};
const secret = {
  OIDC_CLIENT_SECRET: 'leaked-oidc',
  SLACK_BOT_TOKEN: 'xoxb-leaked',
  SLACK_SIGNING_SECRET: 'leaked-signing',
  SLACK_WEBHOOK_URL: 'https://hooks.slack.example/leaked',
  TEAMS_WEBHOOK_URL: 'https://teams.example/leaked',
  WEBHOOK_URL: 'https://receiver.example/leaked',
  WEBHOOK_SECRET: `whsec_${'A'.repeat(44)}`,
};

const nothing = installation();
if (nothing === undefined) process.stderr.write('no Docker Compose here: the settings in docker-compose.yml are not tried.\n');

(nothing === undefined ? describe.skip : describe)('the approval service of docker-compose.yml', () => {
  it('has neither a page, nor Slack, nor webhooks until they are set up', () => {
    const settings = settingsIn(nothing!);
    expect([pageSettings(settings), slackApp(settings), hooksOf(settings)]).toEqual([
      undefined,
      undefined,
      { slack: undefined, teams: undefined, signed: undefined, publicUrl: undefined },
    ]);
    expect(nothing!.services['ingress']!.environment!['CUSTOMHOUSE_INGRESS_APPROVALS_URL']).toBe('');
  });

  it('takes all of them from the environment, and secrets from files alone', () => {
    const variables: Record<string, string> = {};
    for (const [name, value] of Object.entries(plain)) variables[`CUSTOMHOUSE_APPROVAL_${name}`] = value;
    for (const [name, value] of Object.entries(secret)) {
      writeFileSync(join(folder, name), `${value}\n`);
      variables[`CUSTOMHOUSE_APPROVAL_${name}_FILE`] = join(folder, name);
      // What somebody puts into the shell by mistake goes nowhere.
      variables[`CUSTOMHOUSE_APPROVAL_${name}`] = value;
    }
    const made = installation(variables)!;
    const settings = settingsIn(made);
    expect(pageSettings(settings)).toEqual({
      ...{ publicUrl: plain.PUBLIC_URL, issuer: plain.OIDC_ISSUER, clientId: 'client-1', clientSecret: 'leaked-oidc', scope: 'openid groups', personClaim: 'upn' },
      ...{ groupsClaim: 'roles', approverGroups: ['approvers'], session_s: 600, freshLogin_s: 60, timeout_s: 10 },
    });
    expect(slackApp(settings)).toMatchObject({ token: 'xoxb-leaked', signingSecret: 'leaked-signing', app: 'A0123', team: 'T0123', channel: 'C0123', showArguments: false });
    expect(hooksOf(settings)).toMatchObject({
      slack: secret.SLACK_WEBHOOK_URL,
      teams: secret.TEAMS_WEBHOOK_URL,
      signed: { url: secret.WEBHOOK_URL, secret: secret.WEBHOOK_SECRET },
    });
    expect(made.services['ingress']!.environment!['CUSTOMHOUSE_INGRESS_APPROVALS_URL']).toBe(plain.PUBLIC_URL);
    expect(Object.values(secret).filter((value) => JSON.stringify(made).includes(value))).toEqual([]);
  });
});
