import { describe, expect, it } from '@jest/globals';
import { jwtIssuersText } from './jwt-issuers.js';

const okta = { issuer: 'https://okta.example', audience: 'customhouse' };
const entra = { issuer: 'https://entra.example', audience: 'customhouse' };

function problems(value: unknown): string[] {
  const parsed = jwtIssuersText.safeParse(typeof value === 'string' ? value : JSON.stringify(value));
  return parsed.success ? [] : parsed.error.issues.map((issue) => issue.message);
}

describe('the setting of trusted issuers', () => {
  it('has safe defaults', () => {
    expect(jwtIssuersText.parse(JSON.stringify([okta]))).toEqual([
      {
        issuer: 'https://okta.example',
        audience: ['customhouse'],
        algorithms: ['RS256', 'ES256', 'PS256', 'EdDSA'],
        tolerance_s: 30,
        tenant: 'default',
        prefix: '',
        agent: ['azp', 'client_id', 'act.sub'],
        person: ['sub'],
        groups: ['groups'],
        owner: [],
        attributes: {},
        plain_http: false,
      },
    ]);
  });

  it.each(['HS256', 'HS512', 'none', 'dir'])('refuses the algorithm %s', (algorithm) => {
    expect(problems([{ ...okta, algorithms: [algorithm] }])).toHaveLength(1);
  });

  it('refuses an issuer without an audience', () => {
    expect(problems([{ issuer: okta.issuer }])).not.toEqual([]);
    expect(problems([{ issuer: okta.issuer, audience: [] }])).not.toEqual([]);
  });

  it('refuses plain HTTP to another machine, unless it is asked for', () => {
    expect(problems([{ ...okta, issuer: 'http://okta.example' }])).toEqual([expect.stringContaining('plain HTTP')]);
    expect(problems([{ ...okta, jwks: 'http://okta.example/keys' }])).toEqual([expect.stringContaining('plain HTTP')]);
    expect(problems([{ ...okta, issuer: 'http://okta.example', plain_http: true }])).toEqual([]);
    expect(problems([{ ...okta, issuer: 'http://127.0.0.1:8080' }])).toEqual([]);
  });

  it.each(['file:///etc/passwd', 'ftp://okta.example', 'okta'])('refuses %s as an issuer', (issuer) => {
    expect(problems([{ ...okta, issuer }])).toEqual(['must be an http or https URL']);
  });

  it('refuses two issuers whose subjects could be the same name', () => {
    expect(problems([okta, entra])).toEqual([expect.stringContaining('"prefix"')]);
    expect(problems([okta, { ...entra, prefix: 'entra:' }])).toEqual([]);
    expect(problems([okta, { ...entra, tenant: 'other' }])).toEqual([]);
    expect(
      problems([
        { ...okta, person: 'email' },
        { ...entra, person: 'email' },
      ]),
    ).toEqual([]);
  });

  it('refuses an attribute whose name would be lost, and says which', () => {
    const text = JSON.stringify([{ ...okta, attributes: { department: 'dept' } }]).replace('"department"', '"__proto__"');
    expect(problems(text)).toEqual(['no name may be __proto__: take another']);
    expect(problems([{ ...okta, attributes: { constructor: 'dept', toString: 'dept' } }])).toEqual([]);
  });

  it('refuses one issuer twice, an unknown member, and text that is not JSON', () => {
    expect(problems([okta, okta])).toEqual([expect.stringContaining('listed twice')]);
    expect(problems([{ ...okta, algoritms: ['ES256'] }])).not.toEqual([]);
    expect(problems('[')).toEqual(['must be a JSON array of issuers']);
  });
});
