export function buildAll(base?: string): Promise<number>;
