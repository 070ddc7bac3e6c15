export interface LockEntry {
  readonly version?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
}
export interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>;
}

export const root: string;
export function ensureInstalled(profile: 'run' | 'all', signal?: AbortSignal): Promise<boolean>;
export function missingPackages(lock: Lock, installed: Lock | undefined, profile: 'run' | 'all'): string[];
export function nodeBinary(): string | undefined;
