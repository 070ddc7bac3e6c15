export function readTree(root: string): Map<string, string>;
export function styleProblems(files: ReadonlyMap<string, string>): string[];
