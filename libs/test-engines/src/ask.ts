/** Asks the main process of the test run (jest/engines.mjs). */
export async function ask<Answer extends object>(path: string, options: unknown = {}): Promise<Answer & { readonly missing?: string }> {
  const address = process.env['CUSTOMHOUSE_TEST_ENGINES'];
  if (address === undefined) throw new Error('engines are there in suites named *.int.spec.ts only: Jest starts them by libs/test-engines/jest/global-setup.mjs');
  const response = await fetch(`${address}/${path}`, { method: 'POST', body: JSON.stringify(options) });
  const answer = (await response.json()) as Answer & { readonly problem?: string; readonly missing?: string };
  if (answer.problem !== undefined) throw new Error(`the test engine could not be used: ${answer.problem}`);
  return answer;
}

/**
 * What a suite gets that needs something which is not there: undefined, and one line for people. Where `CI` is set an engine
 * that cannot be started although Docker answers has thrown before.
 */
export function skipped(what: string, why: string): undefined {
  process.stderr.write(`skipped: this suite needs ${what}, and ${why}\n`);
  return undefined;
}
