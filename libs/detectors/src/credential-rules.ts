/** One form of credential. `literals` decide whether `pattern` is tried at all, so each must occur in everything the pattern matches. */
export interface CredentialRule {
  /** For people: "an AWS access key". */
  readonly name: string;
  /** Lower case ASCII. */
  readonly literals: readonly string[];
  /** RE2. Group 1 is the credential. Its length is bounded by the window, so that long repeats need no upper bound. */
  readonly pattern: string;
  /** Characters before and after the literal's end that the pattern may need. */
  readonly before: number;
  readonly after: number;
  /** Bits per character that group 1 must have: placeholders have fewer. */
  readonly entropy: number;
  readonly severity: 'medium' | 'high' | 'critical';
  /** Nothing the pattern needs contains white space or a quote: the window ends at the first. */
  readonly compact?: boolean;
  /** A character that must occur in the window: cheaper to look for than the pattern. */
  readonly requires?: string;
  /** `assigned` values get the stricter test for chosen-by-a-person values in credentials.ts. */
  readonly assigned?: boolean;
}

/** A token that its issuer made recognisable: a prefix and a body of known alphabet and length. */
function token(name: string, prefixes: readonly string[], body: string, options: Partial<CredentialRule> = {}): CredentialRule {
  const heads = prefixes.map((prefix) => prefix.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  return {
    name,
    literals: prefixes.map((prefix) => prefix.toLowerCase()),
    pattern: `(?:^|[^A-Za-z0-9])((?:${heads})${body})(?:$|[^A-Za-z0-9_-])`,
    before: Math.max(...prefixes.map((prefix) => prefix.length)) + 1,
    after: 400,
    entropy: 3,
    severity: 'high',
    compact: true,
    ...options,
  };
}

const word = '[A-Za-z0-9_-]';

const tokens: readonly CredentialRule[] = [
  token('an AWS access key', ['AKIA', 'ASIA', 'ABIA', 'ACCA'], '[A-Z2-7]{16}', { after: 20, entropy: 2.5 }),
  token('an AWS Bedrock key', ['ABSK', 'bedrock-api-key-'], '[A-Za-z0-9+/]{60,}={0,2}', { entropy: 3.5 }),
  token('a GitHub token', ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], '[A-Za-z0-9]{36,}'),
  token('a GitHub token', ['github_pat_'], '[A-Za-z0-9_]{82}'),
  token('a GitLab token', ['glpat-', 'gldt-', 'glrt-', 'glptt-', 'glcbt-', 'glft-', 'glsoat-', 'glimt-', 'glagent-', 'gloas-', 'glffct-'], '[A-Za-z0-9_.-]{20,}'),
  token('a GitLab token', ['GR1348941'], `${word}{20}`),
  token('a Slack token', ['xoxb-', 'xoxp-', 'xoxa-', 'xoxr-', 'xoxs-', 'xoxo-', 'xoxe-', 'xoxc-', 'xoxd-'], '[A-Za-z0-9%-]{20,}', { entropy: 2.8 }),
  token('a Slack token', ['xapp-', 'xoxe.xox'], '[A-Za-z0-9.-]{20,}'),
  token('a Slack webhook', ['hooks.slack.com/'], '(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,120}', { entropy: 3.5 }),
  token('a Stripe key', ['sk_live_', 'rk_live_', 'sk_test_', 'rk_test_', 'whsec_'], '[A-Za-z0-9+/=]{16,}'),
  token('a Google API key', ['AIza'], `${word}{35}`, { entropy: 3.5 }),
  token('a Google OAuth client secret', ['GOCSPX-'], `${word}{28}`),
  token('a Google OAuth token', ['ya29.'], `${word}{20,}`),
  token('an OpenAI key', ['sk-proj-', 'sk-svcacct-', 'sk-admin-'], `${word}{20,}`),
  token('an OpenAI key', ['T3BlbkFJ'], '', { pattern: '(?:^|[^A-Za-z0-9])(sk-[A-Za-z0-9_-]{16,120}T3BlbkFJ[A-Za-z0-9_-]{16,120})', before: 140, after: 130 }),
  token('an Anthropic key', ['sk-ant-'], `${word}{30,}`),
  token('a Hugging Face token', ['hf_', 'api_org_'], '[A-Za-z]{34}'),
  token('an npm token', ['npm_'], '[A-Za-z0-9]{36}'),
  token('a PyPI token', ['pypi-AgEIcHlwaS', 'pypi-AgENdGVzdC'], `${word}{50,}`),
  token('a RubyGems key', ['rubygems_'], '[a-f0-9]{48}'),
  token('a NuGet key', ['oy2'], '[a-z0-9]{43}', { entropy: 3.5 }),
  token('a Docker Hub token', ['dckr_pat_', 'dckr_oat_'], `${word}{27,32}`),
  token('a SendGrid key', ['SG.'], `${word}{20,24}\\.${word}{39,50}`),
  token('a Twilio key', ['twilio'], '', { pattern: '(?i:twilio)[^\\n]{0,60}?[^A-Za-z0-9]((?:SK|AC)?[0-9a-f]{32})(?:$|[^A-Za-z0-9])', before: 6, after: 110, compact: false }),
  token('a Mailgun key', ['key-'], '[0-9a-f]{32}', { after: 34 }),
  token('a Mailchimp key', ['-us'], '', { pattern: '(?:^|[^A-Za-z0-9])([0-9a-f]{32}-us[0-9]{1,2})(?:$|[^A-Za-z0-9])', before: 38, after: 3 }),
  token('a Shopify token', ['shpat_', 'shpss_', 'shpca_', 'shppa_'], '[A-Fa-f0-9]{32}'),
  token('a DigitalOcean token', ['dop_v1_', 'doo_v1_', 'dor_v1_'], '[a-f0-9]{64}'),
  token('a Databricks token', ['dapi'], '[a-f0-9]{32}(?:-[0-9])?'),
  token('a Telegram bot token', [':AA'], '', { pattern: '(?:^|[^0-9])([0-9]{8,10}:AA[A-Za-z0-9_-]{32,33})(?:$|[^A-Za-z0-9_-])', before: 14, after: 34 }),
  token('a Linear key', ['lin_api_'], '[A-Za-z0-9]{40}'),
  token('a Notion token', ['ntn_'], '[0-9]{11}[A-Za-z0-9]{35}'),
  token('a Notion token', ['secret_'], '[A-Za-z0-9]{43}', { entropy: 4 }),
  token('a Figma token', ['figd_', 'figdr_', 'figu_', 'figur_'], `${word}{20,60}`),
  token('a Postman key', ['PMAK-'], '[A-Za-z0-9]{24}-[A-Za-z0-9]{34}'),
  token('a New Relic key', ['NRAK-', 'NRII-', 'NRRA-', 'NRAA-', 'NRJS-'], `${word}{19,42}`),
  token('a Grafana token', ['glc_', 'glsa_', 'eyJrIjoi'], '[A-Za-z0-9+/_=]{32,}'),
  token('a HashiCorp Vault token', ['hvs.', 'hvb.', 'hvr.'], `${word}{20,}`),
  token('a Terraform Cloud token', ['.atlasv1.'], '', { pattern: '(?:^|[^A-Za-z0-9])([A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_=-]{60,70})', before: 26, after: 72 }),
  token('a Doppler token', ['dp.pt.', 'dp.st.', 'dp.ct.', 'dp.sa.', 'dp.scim.', 'dp.audit.'], '[A-Za-z0-9._-]{40,60}'),
  token('a Sentry token', ['sntrys_', 'sntryu_', 'sntrya_'], '[A-Za-z0-9+/=_]{60,}'),
  token('a Square token', ['sq0atp-', 'sq0csp-', 'sq0idp-', 'sq0ids-'], `${word}{22,43}`),
  token('an Atlassian token', ['ATATT3x', 'ATCTT3x', 'ATBB'], '[A-Za-z0-9_=-]{20,}', { entropy: 3.5 }),
  token('an Airtable token', ['pat'], '[A-Za-z0-9]{14}\\.[a-f0-9]{64}', { after: 82 }),
  token('a Dropbox token', ['sl.'], `${word}{130,}`),
  token('a Facebook token', ['EAACEdEose0cBA', 'EAAG', 'EAAM', 'EAAC'], '[A-Za-z0-9]{80,}'),
  token('an Instagram token', ['IGQV'], `${word}{50,}`),
  token('a Mapbox secret token', ['sk.eyJ'], `${word}{40,}\\.${word}{20,40}`),
  token('an Artifactory key', ['AKCp'], '[A-Za-z0-9]{69,73}'),
  token('an age secret key', ['AGE-SECRET-KEY-1'], '[A-Z0-9]{58}'),
  token('a 1Password service account token', ['ops_eyJ'], '[A-Za-z0-9+/=_-]{100,}'),
  token('a Fly.io token', ['fm1r_', 'fm1a_', 'fm2_', 'fo1_'], '[A-Za-z0-9+/=,_-]{43,}'),
  token('a Netlify token', ['nfp_'], '[A-Za-z0-9]{36}'),
  token('a Groq key', ['gsk_'], '[A-Za-z0-9]{52}'),
  token('a Perplexity key', ['pplx-'], '[A-Za-z0-9]{48,56}'),
  token('a Replicate token', ['r8_'], '[A-Za-z0-9]{37,40}'),
  token('an xAI key', ['xai-'], '[A-Za-z0-9]{70,90}'),
  token('a Supabase token', ['sbp_', 'sb_secret_'], `${word}{30,60}`),
  token('a PlanetScale token', ['pscale_tkn_', 'pscale_pw_', 'pscale_oauth_'], '[A-Za-z0-9._-]{32,64}'),
  token('a Prefect key', ['pnu_', 'pnb_'], '[A-Za-z0-9]{36}'),
  token('a Pulumi token', ['pul-'], '[a-f0-9]{40}'),
  token('a ReadMe key', ['rdme_'], '[a-z0-9]{70}'),
  token('a Typeform token', ['tfp_'], `${word}{40,70}`),
  token('a Contentful token', ['CFPAT-'], `${word}{43,70}`),
  token('an EasyPost key', ['EZAK', 'EZTK'], '[A-Za-z0-9]{54}'),
  token('a Flutterwave key', ['FLWSECK-', 'FLWSECK_TEST-'], '[A-Za-z0-9]{12,40}(?:-X)?'),
  token('a Dynatrace token', ['dt0c01.', 'dt0s01.'], '[A-Z0-9]{24}\\.[A-Z0-9]{64}'),
  token('a Segment token', ['sgp_'], '[A-Za-z0-9]{64}'),
  token('a Tailscale key', ['tskey-'], '(?:api|auth|client|scim|webhook)-[A-Za-z0-9]{6,30}-[A-Za-z0-9]{16,60}'),
  token('a Sonar token', ['sqp_', 'squ_', 'sqa_'], '[a-f0-9]{40}'),
  token('a Buildkite token', ['bkua_'], '[a-f0-9]{40}'),
  token('a CircleCI token', ['CCIPAT_', 'CCIPRJ_'], '[A-Za-z0-9]{22}_[A-Za-z0-9]{40}'),
  token('an Adafruit key', ['aio_'], '[A-Za-z0-9]{28}'),
  token('an Okta token', ['okta', 'SSWS '], '', {
    pattern: '(?i:okta|ssws)[^\\n]{0,40}?[\\s"\'=:](00[A-Za-z0-9_-]{40})(?:$|[^A-Za-z0-9_-])',
    before: 6,
    after: 100,
    entropy: 3.5,
    compact: false,
  }),
];

const structured: readonly CredentialRule[] = [
  {
    name: 'a private key',
    literals: ['private key-----', 'private key block-----'],
    pattern: '(-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----[\\sA-Za-z0-9+/=:,.\\\\-]{40,})',
    before: 70,
    after: 8_000,
    entropy: 3,
    severity: 'critical',
  },
  {
    name: 'a JSON Web Token',
    literals: ['eyj'],
    pattern: '(?:^|[^A-Za-z0-9._-])(eyJ[A-Za-z0-9_-]{8,}\\.eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{16,})(?:$|[^A-Za-z0-9_-])',
    before: 4,
    after: 7_000,
    entropy: 4,
    severity: 'high',
    compact: true,
    requires: '.',
  },
  {
    name: 'a password in a URL',
    literals: ['://'],
    pattern: '[a-z][a-z0-9+.-]{1,20}://[^\\s/?#:@"\'<>{}$*\\[]{0,64}:([^\\s/?#@"\'<>{}$*]{3,128})@[A-Za-z0-9\\[._-]',
    before: 24,
    after: 210,
    entropy: 1.5,
    severity: 'high',
    compact: true,
    requires: '@',
  },
  {
    name: 'an Authorization header',
    literals: ['bearer ', 'basic '],
    pattern: '(?i:authorization|auth)["\']?\\s{0,2}[:=]\\s{0,2}["\']?(?i:bearer|basic) {1,2}([A-Za-z0-9._~+/=-]{16,})',
    before: 32,
    after: 2_000,
    entropy: 3.2,
    severity: 'high',
  },
  {
    name: 'a password on a command line',
    literals: ['curl '],
    pattern: 'curl [^\\n]{0,}?(?:-u|--user)[ =]?["\']?[^\\s:"\'$<{]{0,64}:([^\\s"\'$<{]{6,128})',
    before: 6,
    after: 420,
    entropy: 2.5,
    severity: 'medium',
    assigned: true,
  },
  {
    name: 'an Azure account key',
    literals: ['accountkey=', 'sharedaccesskey='],
    pattern: '(?i:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,90}={0,2})',
    before: 16,
    after: 100,
    entropy: 4,
    severity: 'critical',
  },
  {
    name: 'an AWS secret key',
    literals: ['aws'],
    pattern: '(?i:aws)[A-Za-z0-9_.-]{0,24}(?i:secret|sk|key)[A-Za-z0-9_.-]{0,16}["\'\\s]{0,4}(?:=>|[:=,\\s])\\s{0,4}["\']?([A-Za-z0-9/+]{40})(?:$|[^A-Za-z0-9/+=])',
    before: 3,
    after: 140,
    entropy: 4,
    severity: 'critical',
  },
  {
    name: 'a WireGuard key',
    literals: ['privatekey', 'presharedkey'],
    pattern: '(?i:PrivateKey|PresharedKey)\\s{0,3}=\\s{0,3}([A-Za-z0-9+/]{43}=)',
    before: 12,
    after: 60,
    entropy: 4,
    severity: 'critical',
  },
  {
    name: 'a password in a netrc line',
    literals: ['machine '],
    pattern: 'machine\\s{1,4}[^\\s]{1,100}\\s{1,4}login\\s{1,4}[^\\s]{1,100}\\s{1,4}password\\s{1,4}([^\\s]{4,128})',
    before: 8,
    after: 360,
    entropy: 2,
    severity: 'high',
  },
  {
    name: 'a password hash',
    literals: ['$2a$', '$2b$', '$2y$', '$5$', '$6$', '$y$', '$argon2', '$krb5', '$apr1$', '$pbkdf2'],
    pattern:
      '(\\$(?:2[aby]\\$[0-9]{2}\\$[A-Za-z0-9./]{53}|[56y]\\$(?:rounds=[0-9]{1,9}\\$)?[A-Za-z0-9./$]{20,140}|argon2(?:id|i|d)\\$[A-Za-z0-9=,+/$.-]{40,}|krb5(?:asrep|tgs|pa)\\$[A-Za-z0-9$*./@ _-]{40,}|apr1\\$[A-Za-z0-9./]{1,8}\\$[A-Za-z0-9./]{22}|pbkdf2[a-z0-9-]{0,16}\\$[A-Za-z0-9=,+/$.-]{40,}))',
    before: 8,
    after: 420,
    entropy: 3,
    severity: 'medium',
  },
];

/** A value next to a name that says what it is. The name alone is common, so the value is judged as well (credentials.ts). */
const assignments: readonly CredentialRule[] = [
  {
    name: 'a password',
    literals: ['password', 'passwd', 'passphrase', 'pwd'],
    pattern: '(?i:password|passwd|passphrase|pwd)["\'`]?\\s{0,3}(?:=>|:=|=|:)\\s{0,3}["\'`]{0,2}([^\\s"\'`<>{}$&|]{6,128})',
    before: 10,
    after: 150,
    entropy: 2.5,
    severity: 'medium',
    assigned: true,
  },
  {
    name: 'a secret value',
    literals: [
      'secret',
      'token',
      'api_key',
      'apikey',
      'api-key',
      'api key',
      'access_key',
      'accesskey',
      'access-key',
      'private_key',
      'auth_key',
      'authkey',
      'credential',
      'private',
    ],
    pattern:
      '(?i:secret|token|api[_ -]?key|access[_-]?key|private[_-]?key|auth_?key|credentials?|private)[A-Za-z0-9_-]{0,12}["\'`]?\\s{0,3}(?:=>|:=|=|:|,|\\s)\\s{0,3}["\'`]{0,2}([A-Za-z0-9_.~+/=:-]{16,})(?:$|[^A-Za-z0-9_.~+/=:-])',
    before: 12,
    after: 300,
    entropy: 3,
    severity: 'medium',
    assigned: true,
  },
];

export const credentialRules: readonly CredentialRule[] = [...tokens, ...structured, ...assignments];
