import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

/** What a process may take. Absent or 0: what the system allows. Only where there is a POSIX shell; which of them hold is the system's affair (macOS has no limit of address space). */
export interface ProcessLimits {
  /** RLIMIT_AS. Programs that reserve much more than they use, as Node does, need many gigabytes here. */
  readonly address_space_bytes?: number;
  /** RLIMIT_CPU, over the whole life of the process. */
  readonly cpu_seconds?: number;
  /** RLIMIT_NOFILE. */
  readonly open_files?: number;
}

const shell = '/bin/sh';

/**
 * The command that starts the given one under limits, which whatever it starts inherits; core dumps, which may hold secrets, are
 * always off. It is the same process: the shell is replaced. Arguments are never read by the shell.
 */
export function limited(command: string, args: readonly string[], limits: ProcessLimits): { readonly command: string; readonly args: readonly string[] } {
  if (process.platform === 'win32' || !existsSync(shell)) return { command, args };
  const steps = [
    '-c 0',
    limits.open_files ? `-n ${whole(limits.open_files)}` : '',
    limits.cpu_seconds ? `-t ${whole(limits.cpu_seconds)}` : '',
    limits.address_space_bytes ? `-v ${whole(limits.address_space_bytes / 1024)}` : '',
  ];
  // A limit that cannot be set is one that the system has not, or has set lower.
  const script = steps.flatMap((step) => (step === '' ? [] : [`ulimit ${step} 2>/dev/null || :`]));
  return { command: shell, args: ['-c', [...script, 'unset OLDPWD PWD SHLVL', 'exec "$0" "$@"'].join('\n'), command, ...args] };
}

/** Whether there is such a program to start. The shell would only say that it ended with 127. */
export function canStart(command: string, path: string | undefined, cwd: string | undefined): boolean {
  const from = cwd ?? process.cwd();
  if (command.includes('/')) return isProgram(resolve(from, command));
  return (path ?? '').split(delimiter).some((folder) => isProgram(resolve(from, join(folder, command))));
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function whole(value: number): string {
  return String(Math.max(1, Math.floor(value)));
}
