/** Asks the main process of the test run (jest/engines.mjs). Throws what went wrong there. */
export async function ask<Answer extends object>(path: string, options: unknown = {}): Promise<Answer & { readonly missing?: string }> {
  const address = process.env['CUSTOMHOUSE_TEST_ENGINES'];
  if (address === undefined) throw new Error('engines are there in suites named *.int.spec.ts only: Jest starts them by libs/test-engines/jest/global-setup.mjs');
  const response = await fetch(`${address}/${path}`, {
    method: 'POST',
    // A connection that is kept may be closed by the other side just when it is used again, after a suite that took its time.
    headers: { connection: 'close' },
    body: JSON.stringify(options),
  });
  const answer = (await response.json()) as Answer & { readonly problem?: string; readonly missing?: string };
  if (answer.problem !== undefined) throw new Error(`the test engine could not be used: ${answer.problem}`);
  return answer;
}

/**
 * For what only a Docker engine can give. Where none answers: undefined, and one line for people. Where one does and cannot
 * start what is asked for, that is a failure if `CI` is set, and the same line otherwise (a machine without the image, offline).
 */
export async function askForContainer<Answer extends object>(what: string, path: string, options: unknown = {}): Promise<Answer | undefined> {
  let why: string;
  try {
    const answer = await ask<Answer>(path, options);
    if (answer.missing === undefined) return answer;
    why = answer.missing;
  } catch (error) {
    if (process.env['CI']) throw error;
    why = error instanceof Error ? error.message : String(error);
  }
  process.stderr.write(`skipped: this suite needs ${what}, and ${why}\n`);
  return undefined;
}
