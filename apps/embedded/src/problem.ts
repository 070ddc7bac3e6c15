/** The gateway cannot be started. The message is for whoever starts it: what is wrong and what to do. */
export class EmbeddedProblem extends Error {
  override readonly name = 'EmbeddedProblem';
}

/** Names of errors whose message is meant for people; the libraries that throw them are not known to the command line. */
const forPeople = new Set(['EmbeddedProblem', 'AlreadyRunning', 'StartError', 'SettingsError', 'LocalPostgresError', 'KeyFileError', 'MigrationError']);

/** The message of a failed start where it is meant for people. Undefined for a fault of ours. */
export function startProblem(error: unknown): string | undefined {
  return error instanceof Error && forPeople.has(error.name) ? error.message : undefined;
}
