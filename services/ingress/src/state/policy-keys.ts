import { StartError } from '@customhouse/nest/start-error';
import { readPublicKeyFile, type TrustedKey } from '@customhouse/policies/signature';
import type { IngressSettings } from '../config.js';

/** The keys that versions of the policy must be signed with; none where nobody asks for signatures. Throws StartError: without its keys an ingress would take any policy. */
export function policyKeys({ policyKeysFile }: Pick<IngressSettings, 'policyKeysFile'>): readonly TrustedKey[] {
  if (policyKeysFile === undefined) return [];
  try {
    return readPublicKeyFile(policyKeysFile);
  } catch (error) {
    throw new StartError(`CUSTOMHOUSE_INGRESS_POLICY_KEYS_FILE: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
