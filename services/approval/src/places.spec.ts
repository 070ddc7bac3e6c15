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
