import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** Undefined on Windows. */
  readonly uid: number | undefined;
}

export function surroundings(): Surroundings {
  return { environment: process.env, platform: process.platform, home: homedir(), uid: process.getuid?.() };
}

/**
 * Where an instance keeps everything when nobody says otherwise: `CUSTOMHOUSE_DATA_DIR`, else the folder that the platform has for
 * the data of a user's programs. Root's is not in its home, because the database server runs as another user and must get there.
 */
export function defaultDataFolder({ environment, platform, home, uid }: Surroundings): string {
  if (environment.CUSTOMHOUSE_DATA_DIR) return resolve(environment.CUSTOMHOUSE_DATA_DIR);
  if (platform === 'win32') return join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'customhouse');
  if (uid === 0) return '/var/lib/customhouse';
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'customhouse');
  return join(environment.XDG_DATA_HOME || join(home, '.local', 'share'), 'customhouse');
}
