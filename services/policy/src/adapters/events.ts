import { policyActivated, policyDrafted, policyModulePublished, policyPublished, policySigned, policyTested } from '@customhouse/events/policy/events';
import type { NewEvent } from '@customhouse/event-log/sink';
import type { StreamEvent } from '@customhouse/event-store/streams';
import type { PolicySignature, PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { PolicyWasm } from '@customhouse/policies/built-in';
import type { VersionActivated } from '../domain/activation.js';

/** Stream of what was activated. Each version has a stream of its own, because its rules may be long. */
export const activationStream = 'policy';
/** Everything about the policy is told in one order. */
const key = 'policy';

export function versionStream(number: number): string {
  return `policy-version-${number}`;
}

/** Where an imported version came from, and the key that had signed it there. */
export interface Origin {
  readonly number: number;
  readonly digest: string;
  readonly key: string | null;
}

export function toDrafted(version: PolicyVersion, by: string, origin: Origin | null): NewEvent {
  return { declaration: policyDrafted, subject: versionStream(version.number), key, data: { version, by, origin } };
}

export function toTested(tested: { readonly number: number; readonly digest: string; readonly passed: number; readonly failed: number; readonly by: string }): NewEvent {
  return { declaration: policyTested, subject: versionStream(tested.number), key, data: tested };
}

export function toSigned(signed: { readonly number: number; readonly digest: string; readonly signature: PolicySignature; readonly by: string }): NewEvent {
  return { declaration: policySigned, subject: versionStream(signed.number), key, data: signed };
}

export function toActivated(event: VersionActivated): NewEvent {
  return { declaration: policyActivated, subject: activationStream, key, data: event.data };
}

/** An event of the stream for the domain. Throws for a type that does not belong there. */
export function toVersionActivated(event: StreamEvent): VersionActivated {
  if (event.type !== policyActivated.type) throw new Error(`${event.type} does not belong to the stream of activations`);
  return { type: event.type, data: event.data } as VersionActivated;
}

/** What every ingress follows. The module goes first, so that nobody has a version without it. */
export function toPublished(version: PolicyVersion, module: PolicyWasm): readonly NewEvent[] {
  const wasm = Buffer.from(module.wasm).toString('base64');
  return [
    { declaration: policyModulePublished, subject: activationStream, key: moduleKey(module.digest), data: { digest: module.digest, wasm } },
    { declaration: policyPublished, subject: activationStream, key: activeKey, data: version },
  ];
}

export const activeKey = 'active';

export function moduleKey(digest: string): string {
  return `module/${digest}`;
}
