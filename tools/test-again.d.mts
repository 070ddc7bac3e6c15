export interface TestOutcome {
  testResults: { name: string; status: string; assertionResults: { fullName: string; status: string }[] }[];
}
export const filesTriedAgain: number;
export function failures(outcome: TestOutcome | undefined): string[];
export function again(outcome: TestOutcome, phase: readonly string[]): string[] | undefined;
