export function documentProblems(files: ReadonlyMap<string, string>): string[];
