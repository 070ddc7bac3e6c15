import { bytes, count, list, setting, type Setting, type SettingsOf } from '@customhouse/settings/settings';
import type { UpstreamOptions } from './open-upstream.js';

/** Settings of a service that starts servers as processes. `prefix` is `CUSTOMHOUSE_<SERVICE>`. */
export function stdioSettings(prefix: string): {
  readonly stdioEnvironment: Setting<typeof list>;
  readonly stdioOpenFiles: Setting<typeof count>;
  readonly stdioCpu_s: Setting<typeof count>;
  readonly stdioAddressSpace_bytes: Setting<typeof bytes>;
} {
  return {
    stdioEnvironment: setting({
      env: `${prefix}_STDIO_ENVIRONMENT`,
      schema: list,
      default: '',
      description: 'Names of environment variables that servers started as a process see, beside PATH, HOME and the like and what is registered with each.',
    }),
    stdioOpenFiles: setting({
      env: `${prefix}_STDIO_OPEN_FILES`,
      schema: count,
      default: '1024',
      description: 'Files that such a process may have open; 0 is what the system allows.',
    }),
    stdioCpu_s: setting({
      env: `${prefix}_STDIO_CPU_S`,
      schema: count,
      default: '0',
      description: 'Seconds of computing after which the system ends such a process; it is started again when it is needed. 0 is no limit.',
    }),
    stdioAddressSpace_bytes: setting({
      env: `${prefix}_STDIO_ADDRESS_SPACE_BYTES`,
      schema: bytes,
      default: '0',
      description: 'Address space of such a process; 0 is no limit. Node reserves tens of gigabytes and uses little of them.',
    }),
  };
}

export type StdioSettings = SettingsOf<ReturnType<typeof stdioSettings>>;

/** What the settings say, as options of `openUpstream`. */
export function stdioOptions(settings: StdioSettings): Pick<UpstreamOptions, 'limits' | 'inherit'> {
  return {
    inherit: settings.stdioEnvironment,
    limits: { open_files: settings.stdioOpenFiles, cpu_seconds: settings.stdioCpu_s, address_space_bytes: settings.stdioAddressSpace_bytes },
  };
}
