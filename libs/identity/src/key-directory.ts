import type { ApiKey } from '@customhouse/events/registry/events';

/** API keys as this process knows them, followed from `customhouse.state.directory`. */
export interface KeyDirectory {
  /** Finds the key that a presented secret belongs to. Says why not: never an exception, and the secret is in no message. */
  authenticate(presented: string, now: number): KeyVerdict;
  /** Whether the key with this id may still act: for a call that was accepted under it and is dispatched later. */
  standing(id: string, now: number): 'valid' | 'unknown' | 'expired' | 'revoked';
  /** True once the state topic has been read to its end. */
  readonly ready: boolean;
}

export type KeyVerdict = { readonly ok: true; readonly key: ApiKey } | { readonly ok: false; readonly problem: 'malformed' | 'unknown' | 'expired' | 'revoked' };
