import { namedValues } from '@customhouse/policy-contract/named-values';
import { z } from 'zod';

/** Only signatures by key pairs: with a shared secret, or with none, whoever can check a token can make one. */
export const JwtAlgorithm = z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']);

const claim = z.string().min(1).max(200);
const claims = (...names: string[]) => z.union([claim.transform((name) => [name]), z.array(claim).min(1).max(10)]).default(names);

/** An address of ours to fetch keys from. Plain HTTP is for this machine, or where somebody has written that it is meant. */
const Address = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

/** One issuer whose tokens are trusted. They come from settings alone: a token never decides where its keys are fetched. */
export const JwtIssuer = z
  .strictObject({
    /** Exactly the token's `iss`. */
    issuer: Address,
    /** The token's `aud` must contain one of these. */
    audience: z.union([
      z
        .string()
        .min(1)
        .transform((one) => [one]),
      z.array(z.string().min(1)).min(1),
    ]),
    /** Where the keys are. Without it they are found through the issuer's own discovery document. */
    jwks: Address.optional(),
    algorithms: z.array(JwtAlgorithm).min(1).default(['RS256', 'ES256', 'PS256', 'EdDSA']),
    /** Clock difference that is forgiven, for `exp`, `nbf` and `iat`. */
    tolerance_s: z.number().int().min(0).max(300).default(30),
    tenant: z.string().min(1).max(64).default('default'),
    /** Put before agent, person and groups, so that the names of two issuers cannot meet. */
    prefix: z.string().max(64).default(''),
    /** Claims that name the agent, the first present one counts; `act.sub` looks into an object. */
    agent: claims('azp', 'client_id', 'act.sub'),
    /** Claims that name the person. */
    person: claims('sub'),
    groups: claims('groups'),
    /** Claims that name the person who answers for the agent; none, unless given. */
    owner: claims(),
    /** What a policy may know beside: the claim by the name of the attribute, `{"department": "dept", "clearance": "ext.level"}`. */
    attributes: namedValues(z.string().min(1).max(100), claim)
      .refine((attributes) => Object.keys(attributes).length <= 50, 'names more than 50 attributes')
      .default({}),
    /** Allow plain HTTP to an issuer on another machine, for closed test networks. */
    plain_http: z.boolean().default(false),
  })
  .superRefine((issuer, context) => {
    for (const name of ['issuer', 'jwks'] as const) {
      const address = issuer[name];
      if (address === undefined || issuer.plain_http || !isPlainRemote(address)) continue;
      context.addIssue({ code: 'custom', path: [name], message: `${address} is plain HTTP to another machine: use https, or set "plain_http": true in a closed test network` });
    }
  });
export type JwtIssuer = z.infer<typeof JwtIssuer>;

/** The list as it is set. Two issuers that could give two people one name are refused: one of them could approve the other's calls. */
export const JwtIssuers = z
  .array(JwtIssuer)
  .max(50)
  .superRefine((issuers, context) => {
    for (const [index, issuer] of issuers.entries()) {
      for (const earlier of issuers.slice(0, index)) {
        if (earlier.issuer === issuer.issuer) context.addIssue({ code: 'custom', path: [index, 'issuer'], message: `the issuer ${issuer.issuer} is listed twice` });
        else if (mayCollide(earlier, issuer))
          context.addIssue({
            code: 'custom',
            path: [index, 'prefix'],
            message: `"sub" is unique within one issuer only: give ${issuer.issuer} a "prefix", or take "person" from "email" at both`,
          });
      }
    }
  });

/** The setting's text: a JSON array of issuers. */
export const jwtIssuersText = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a JSON array of issuers' });
      return z.NEVER;
    }
  })
  .pipe(JwtIssuers);

/** True for http:// to anything but this machine. */
export function isPlainRemote(address: string): boolean {
  const url = URL.parse(address);
  return url?.protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
}

function mayCollide(one: JwtIssuer, other: JwtIssuer): boolean {
  return one.tenant === other.tenant && one.prefix === other.prefix && (one.person.includes('sub') || other.person.includes('sub'));
}
