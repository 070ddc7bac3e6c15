import { CliProblem } from './problem.js';

/** An id as the gateway writes it. People may type it in lower case. */
export function checkedUlid(text: string, what: string, lister: string): string {
  const id = text.toUpperCase();
  if (!/^[0-9A-HJKMNP-TV-Z]{26}$/.test(id)) throw new CliProblem('usage', `"${text}" is not the id of ${what}`, { hint: `It has 26 letters and digits; "${lister}" shows them.` });
  return id;
}

/** The number of a policy version. */
export function versionNumber(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new CliProblem('usage', `"${text}" is not the number of a version`, { hint: '"customhouse policy versions" lists them.' });
  return Number(text);
}
