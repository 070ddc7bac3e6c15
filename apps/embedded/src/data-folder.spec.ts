import { describe, expect, it } from '@jest/globals';
import { defaultDataFolder } from './data-folder.js';

const user = { environment: {}, platform: 'linux', home: '/home/ada', uid: 1000 } as const;

describe('the default data folder', () => {
  it('is what CUSTOMHOUSE_DATA_DIR says, whoever asks', () => {
    expect(defaultDataFolder({ ...user, environment: { CUSTOMHOUSE_DATA_DIR: '/srv/gate' } })).toBe('/srv/gate');
    expect(defaultDataFolder({ ...user, uid: 0, environment: { CUSTOMHOUSE_DATA_DIR: '/srv/gate' } })).toBe('/srv/gate');
  });

  it.each([
    ['a user on Linux', user, '/home/ada/.local/share/customhouse'],
    ['a user on Linux who moved the data of programs', { ...user, environment: { XDG_DATA_HOME: '/home/ada/data' } }, '/home/ada/data/customhouse'],
    ['root, whose home the database user cannot enter', { ...user, home: '/root', uid: 0 }, '/var/lib/customhouse'],
    ['a user on macOS', { ...user, platform: 'darwin', home: '/Users/ada' } as const, '/Users/ada/Library/Application Support/customhouse'],
  ])('suits %s', (_, surroundings, expected) => {
    expect(defaultDataFolder(surroundings)).toBe(expected);
  });

  it('is the local application data on Windows', () => {
    expect(defaultDataFolder({ ...user, platform: 'win32', uid: undefined, environment: { LOCALAPPDATA: 'C:\\Users\\ada\\AppData\\Local' } })).toContain('AppData');
  });
});
