import { z } from 'zod';
import { count, list, optionalText, setting, SettingsError, text, type SettingsOf } from '@customhouse/settings/settings';

/** Of somebody else, to whom secrets or decisions go. */
export const address = z.url({ protocol: /^https?$/, error: 'must be an http or https URL', abort: true }).refine(isSafe, 'plain http is for this machine only: use https');
const groups = list.refine((names) => names.length > 0, 'must name at least one group');

/** Where people decide beside the API: in the browser, in chats. Nothing of it is on until it is set. */
export const placeSettings = {
  publicUrl: setting({
    env: 'CUSTOMHOUSE_APPROVAL_PUBLIC_URL',
    schema: address.optional(),
    description:
      'Where browsers reach this service, without a path: `https://customhouse.example.com`. Links in messages begin with it, and the page for deciding is served below it.',
  }),
  oidcIssuer: setting({
    env: 'CUSTOMHOUSE_APPROVAL_OIDC_ISSUER',
    schema: address.optional(),
    description: 'OpenID provider of the people who decide in the browser. Its redirect URI for us is `<public url>/approvals/callback`.',
  }),
  oidcClientId: setting({ env: 'CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_ID', schema: optionalText, description: 'Client id of this service at the OpenID provider.' }),
  oidcClientSecret: setting({
    env: 'CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_SECRET',
    schema: optionalText,
    secret: true,
    description: 'Client secret of this service at the OpenID provider. Absent: a public client, with PKCE alone.',
  }),
  oidcScope: setting({
    env: 'CUSTOMHOUSE_APPROVAL_OIDC_SCOPE',
    schema: text,
    default: 'openid email profile',
    description: 'What is asked of the OpenID provider; some need `groups` in it to tell the groups.',
  }),
  oidcPersonClaim: setting({
    env: 'CUSTOMHOUSE_APPROVAL_OIDC_PERSON_CLAIM',
    schema: text,
    default: 'email',
    description:
      'Claim of the ID token that names the person, by the name that agents and keys have for them: who asked for a call must not be able to decide it under another name.',
  }),
  oidcGroupsClaim: setting({
    env: 'CUSTOMHOUSE_APPROVAL_OIDC_GROUPS_CLAIM',
    schema: text,
    default: 'groups',
    description: 'Claim of the ID token that has the groups of the person.',
  }),
  approverGroups: setting({
    env: 'CUSTOMHOUSE_APPROVAL_APPROVER_GROUPS',
    schema: groups,
    default: 'customhouse-approvers',
    description:
      'Who logs in may look at requests and decide them when the OpenID provider says that they are in one of these groups; others see and decide only what they may confirm themselves.',
  }),
  session_s: setting({
    env: 'CUSTOMHOUSE_APPROVAL_SESSION_S',
    schema: count.min(60, 'must be at least 60').max(86_400, 'must be at most 86400'),
    default: '3600',
    description: 'How long a login to the page lasts.',
  }),
  freshLogin_s: setting({
    env: 'CUSTOMHOUSE_APPROVAL_FRESH_LOGIN_S',
    schema: count.min(30, 'must be at least 30').max(3_600, 'must be at most 3600'),
    default: '300',
    description: 'Where a rule wants a login made for the decision: how old it may be.',
  }),
  oidcTimeout_s: setting({
    env: 'CUSTOMHOUSE_APPROVAL_OIDC_TIMEOUT_S',
    schema: count.min(1, 'must be at least 1').max(60, 'must be at most 60'),
    default: '10',
    description: 'Longest wait for one answer of the OpenID provider.',
  }),
};
export type PlaceSettings = SettingsOf<typeof placeSettings>;

/** The page for deciding, where it is set up. */
export interface PageSettings {
  /** Without a slash at the end. */
  readonly publicUrl: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly scope: string;
  readonly personClaim: string;
  readonly groupsClaim: string;
  readonly approverGroups: readonly string[];
  readonly session_s: number;
  readonly freshLogin_s: number;
  readonly timeout_s: number;
}

/** Undefined when nothing of it is set. Throws SettingsError when only a part is. */
export function pageSettings(settings: PlaceSettings): PageSettings | undefined {
  const { publicUrl, oidcIssuer, oidcClientId } = settings;
  if (oidcIssuer === undefined && oidcClientId === undefined) return undefined;
  const missing = [
    ...(publicUrl === undefined ? ['CUSTOMHOUSE_APPROVAL_PUBLIC_URL'] : []),
    ...(oidcIssuer === undefined ? ['CUSTOMHOUSE_APPROVAL_OIDC_ISSUER'] : []),
    ...(oidcClientId === undefined ? ['CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_ID'] : []),
  ];
  if (publicUrl === undefined || oidcIssuer === undefined || oidcClientId === undefined)
    throw new SettingsError(missing.map((name) => `${name} is required to decide in the browser: set it, or remove the other settings of the OpenID provider`));
  return {
    publicUrl: baseOf(publicUrl),
    issuer: oidcIssuer,
    clientId: oidcClientId,
    clientSecret: settings.oidcClientSecret,
    scope: settings.oidcScope,
    personClaim: settings.oidcPersonClaim,
    groupsClaim: settings.oidcGroupsClaim,
    approverGroups: settings.approverGroups,
    session_s: settings.session_s,
    freshLogin_s: settings.freshLogin_s,
    timeout_s: settings.oidcTimeout_s,
  };
}

/** Where the page of a request is. */
export function linkTo(publicUrl: string, approval: string): string {
  return `${publicUrl}/approvals/${approval}`;
}

function baseOf(publicUrl: string): string {
  return new URL(publicUrl).origin;
}

/** Plain http shows logins and decisions to whoever listens. */
function isSafe(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
