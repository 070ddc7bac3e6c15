import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '@customhouse/settings/settings';
import { approvalSettings } from './config.js';
import { pageSettings } from './places.js';
import { slackApp } from './slack-settings.js';
import { hooksOf } from './webhook-settings.js';

const load = (environment: Record<string, string>) => loadSettings(approvalSettings, environment, () => '');
const name = (setting: string): string => `CUSTOMHOUSE_APPROVAL_${setting}`;
const page = { [name('PUBLIC_URL')]: 'https://customs.example/', [name('OIDC_ISSUER')]: 'https://login.example', [name('OIDC_CLIENT_ID')]: 'c' };
const slack = {
  [name('SLACK_BOT_TOKEN')]: 'xoxb-1',
  [name('SLACK_SIGNING_SECRET')]: 's',
  [name('SLACK_APP_ID')]: 'A0123',
  [name('SLACK_TEAM_ID')]: 'T0123',
  [name('SLACK_CHANNEL')]: 'C0123',
};

describe('the settings of the places where people decide', () => {
  it('turn nothing on while nothing is set', () => {
    const settings = load({});
    expect([pageSettings(settings), slackApp(settings), hooksOf(settings)]).toEqual([
      undefined,
      undefined,
      { slack: undefined, teams: undefined, signed: undefined, publicUrl: undefined },
    ]);
  });

  it('are a page, and an app in Slack', () => {
    const settings = load({ ...page, ...slack, [name('SLACK_GROUP_CHANNELS')]: 'finance=C0456, a=b=C0789' });
    expect(pageSettings(settings)).toMatchObject({ publicUrl: 'https://customs.example', approverGroups: ['customhouse-approvers'], session_s: 3600, freshLogin_s: 300 });
    expect(slackApp(settings)).toMatchObject({ channel: 'C0123', showArguments: true, apiUrl: 'https://slack.com/api/' });
    expect([...slackApp(settings)!.groupChannels]).toEqual([
      ['finance', 'C0456'],
      ['a=b', 'C0789'],
    ]);
  });

  it.each([
    ['a page without a client', { ...page, [name('OIDC_CLIENT_ID')]: '' }, /OIDC_CLIENT_ID is required/],
    ['a page without an address', { ...page, [name('PUBLIC_URL')]: '' }, /PUBLIC_URL is required/],
    ['Slack without a page', slack, /OIDC_ISSUER is required to decide in Slack/],
    ['Slack without its secret', { ...page, ...slack, [name('SLACK_SIGNING_SECRET')]: '' }, /SIGNING_SECRET is required/],
    ['a webhook of Slack without a page', { [name('SLACK_WEBHOOK_URL')]: 'https://hooks.slack.example/x' }, /OIDC_ISSUER is required/],
    ['a webhook without a secret', { [name('WEBHOOK_URL')]: 'https://receiver.example/x' }, /WEBHOOK_SECRET is required/],
    ['plain http to others', { ...page, [name('OIDC_ISSUER')]: 'http://login.example' }, /plain http is for this machine only/],
    ['a channel by its name', { ...page, ...slack, [name('SLACK_CHANNEL')]: '#approvals' }, /must be the id of a channel/],
    ['a group without a channel', { ...page, ...slack, [name('SLACK_GROUP_CHANNELS')]: 'finance' }, /not of the form group=C0123ABCD/],
  ])('refuse %s', (_, environment, problem) => {
    expect(() => {
      const settings = load(environment);
      pageSettings(settings);
      slackApp(settings);
      hooksOf(settings);
    }).toThrow(problem);
  });
});

describe('a setting of Slack or of the page', () => {
  const refusal = (environment: Record<string, string>): string => {
    try {
      load(environment);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  const letters = (count: number): string => 'A'.repeat(count);

  it.each<[setting: string, good: readonly string[], bad: readonly string[], problem: RegExp]>([
    ['SLACK_BOT_TOKEN', ['xoxb-1'], ['xoxp-1', '1'], /must be a bot token/],
    ['SLACK_APP_ID', [`A${letters(2)}`, `A${letters(30)}`], [`A${letters(1)}`, `A${letters(31)}`, 'T0123', 'a0123', 'A0-123'], /must be the id of the app, like A0123ABCD/],
    ['SLACK_TEAM_ID', [`T${letters(2)}`, `T${letters(30)}`], [`T${letters(1)}`, `T${letters(31)}`, 'A0123', 'T0 123'], /must be the id of the workspace, like T0123ABCD/],
    ['SLACK_CHANNEL', [`C${letters(2)}`, `G${letters(30)}`, 'D0123'], [`C${letters(1)}`, `C${letters(31)}`, '#approvals', 'X0123'], /must be the id of a channel/],
    ['SLACK_GROUP_CHANNELS', ['a=C0123', 'a=C0123,b=G0123'], ['=C0123', 'a=', 'a=b', 'a=C0123,b'], /is not of the form group=C0123ABCD/],
    ['SLACK_ARGUMENTS', ['shown', 'hidden'], ['true', 'Hidden'], /must be shown or hidden/],
    ['SLACK_API_URL', ['https://slack.example/api/', 'http://127.0.0.1:1/api/'], ['slack.example', 'ftp://slack.example'], /must be an http or https URL/],
    ['SLACK_API_URL', [], ['http://slack.example/api/'], /plain http is for this machine only/],
    ['SLACK_WEBHOOK_URL', ['https://hooks.slack.example/x'], ['http://hooks.slack.example/x'], /plain http is for this machine only/],
    ['SESSION_S', ['60', '86400'], ['59', '86401', '1.5'], /must be at (?:least 60|most 86400)|not a whole number/],
    ['FRESH_LOGIN_S', ['30', '3600'], ['29', '3601'], /must be at (?:least 30|most 3600)/],
    ['OIDC_TIMEOUT_S', ['1', '60'], ['0', '61'], /must be at (?:least 1|most 60)/],
    ['APPROVER_GROUPS', ['a', 'a,b'], [','], /must name at least one group/],
  ])('%s has bounds', (setting, good, bad, problem) => {
    for (const value of good) expect([value, refusal({ [name(setting)]: value })]).toEqual([value, '']);
    for (const value of bad) {
      const refused = refusal({ [name(setting)]: value });
      expect(refused).toContain(`CUSTOMHOUSE_APPROVAL_${setting}`);
      expect(refused).toMatch(problem);
    }
  });

  it.each(['SLACK_BOT_TOKEN', 'SLACK_WEBHOOK_URL', 'TEAMS_WEBHOOK_URL', 'WEBHOOK_URL', 'WEBHOOK_SECRET'])(
    '%s is a secret: a wrong one is not repeated, and it can be in a file',
    (setting) => {
      expect(refusal({ [name(setting)]: 'http://leaked.example/leaked' })).toMatch(new RegExp(`CUSTOMHOUSE_APPROVAL_${setting}: (?!.*leaked)`));
      const read: string[] = [];
      const fromFile = () => loadSettings(approvalSettings, { [`${name(setting)}_FILE`]: '/run/secret' }, (path) => (read.push(path), 'leaked'));
      expect(fromFile).toThrow(new RegExp(`CUSTOMHOUSE_APPROVAL_${setting}: (?!.*leaked)`));
      expect(read).toEqual(['/run/secret']);
    },
  );
});
