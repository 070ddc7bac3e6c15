/** Which version of the policy decides: three pure functions over the events of one stream. */
import { hasReached, type Stage } from './stage.js';

/** A version, as far as activation is concerned. */
export interface VersionName {
  readonly number: number;
  readonly digest: string;
}

export interface Activation {
  readonly active: VersionName | null;
  /** What decided directly before the active one. */
  readonly previous: VersionName | null;
}

export interface VersionActivated {
  readonly type: 'policy.version.activated';
  readonly data: { readonly number: number; readonly digest: string; readonly previous: number | null; readonly by: string };
}

export type Command =
  /** `version` is what is stored under the number that was asked for; it must have come as far as `from`. */
  | {
      readonly do: 'activate';
      readonly asked: number;
      readonly version: (VersionName & { readonly stage: Stage }) | undefined;
      readonly from: Stage;
      readonly by: string;
      readonly expected?: number;
    }
  | { readonly do: 'roll-back'; readonly by: string; readonly expected?: number };

export class ActivationRefused extends Error {
  override readonly name = 'ActivationRefused';
  constructor(
    readonly rule: 'not-found' | 'another-version-active' | 'nothing-before' | 'too-early' | 'not-signed',
    message: string,
  ) {
    super(message);
  }
}

export const initial: Activation = { active: null, previous: null };

/** Throws ActivationRefused. No events: it is so already. */
export function decide(command: Command, { active, previous }: Activation): readonly VersionActivated[] {
  const wanted = command.do === 'activate' ? command.version : (previous ?? undefined);
  if (command.do === 'activate' && wanted === undefined) throw new ActivationRefused('not-found', `there is no version ${command.asked} of the policy`);
  if (command.expected !== undefined && command.expected !== active?.number) {
    const present = active === null ? 'no version is active' : `version ${active.number} is active`;
    throw new ActivationRefused('another-version-active', `version ${command.expected} was expected to be active, and ${present}: look at it and decide again`);
  }
  if (wanted === undefined) throw new ActivationRefused('nothing-before', 'no version was active before the present one: activate the one you want by its number');
  if (wanted.number === active?.number) return [];
  if (command.do === 'activate' && command.version && !hasReached(command.version.stage, command.from)) {
    throw new ActivationRefused(
      'too-early',
      `version ${wanted.number} has come as far as "${command.version.stage}", and only one that has reached "${command.from}" may be activated`,
    );
  }
  return [{ type: 'policy.version.activated', data: { number: wanted.number, digest: wanted.digest, previous: active?.number ?? null, by: command.by } }];
}

export function evolve({ active }: Activation, { data }: VersionActivated): Activation {
  return { active: { number: data.number, digest: data.digest }, previous: active };
}
