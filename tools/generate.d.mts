export function generated(): Promise<Map<string, string>>;
export function differences(files: ReadonlyMap<string, string>, base?: string): Promise<string[]>;
