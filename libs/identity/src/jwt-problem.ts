/** Why a token was refused: one word for code, metrics and the `WWW-Authenticate` header. */
export type JwtProblem =
  'malformed' | 'unknown-issuer' | 'algorithm' | 'type' | 'signature' | 'audience' | 'expired' | 'not-yet-valid' | 'agent-missing' | 'person-missing' | 'keys-unavailable';

/** Thrown inside the verifier and turned into a verdict at its edge. The message never quotes the token. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
  constructor(
    readonly problem: JwtProblem,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
