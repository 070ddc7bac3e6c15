import { z } from 'zod';

/** One setting: everything the reference page, the defaults and the validation need. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** `CUSTOMHOUSE_<SERVICE>_<NAME>_<UNIT>`. */
  readonly env: string;
  /** Parses the text of the environment variable. Use the coercing schemas below. */
  readonly schema: Schema;
  /** Text as one would write it in the environment. Absent: the setting is required, unless the schema is optional. */
  readonly default?: string;
  readonly description: string;
  /** Secrets are also read from the file that `<env>_FILE` names, and are never printed. */
  readonly secret?: boolean;
}

export type SettingsDefinition = Readonly<Record<string, Setting>>;
export type SettingsOf<D extends SettingsDefinition> = { readonly [Name in keyof D]: z.infer<D[Name]['schema']> };

export type Environment = Readonly<Record<string, string | undefined>>;

export function setting<Schema extends z.ZodType>(declaration: Setting<Schema>): Setting<Schema> {
  return declaration;
}

/** All that was wrong, at once. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  constructor(readonly problems: readonly string[]) {
    super(`the settings are not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/**
 * Reads and checks all settings. White space around a value is cut off, and an empty value counts as absent. `readFile` serves
 * `<env>_FILE`. Throws SettingsError.
 */
export function loadSettings<D extends SettingsDefinition>(definition: D, environment: Environment, readFile: (path: string) => string): SettingsOf<D> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, declared] of Object.entries(definition)) {
    const text = textOf(declared, environment, readFile, problems);
    const parsed = declared.schema.safeParse(text);
    if (parsed.success) values[name] = parsed.data;
    else if (text === undefined) problems.push(`${declared.env} is required: ${declared.description}`);
    else problems.push(`${declared.env}${declared.secret ? '' : ` is ${JSON.stringify(text)}`}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`);
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return values as SettingsOf<D>;
}

function textOf(declared: Setting, environment: Environment, readFile: (path: string) => string, problems: string[]): string | undefined {
  const direct = environment[declared.env]?.trim();
  const path = declared.secret ? environment[`${declared.env}_FILE`]?.trim() : undefined;
  if (direct && path) problems.push(`${declared.env} and ${declared.env}_FILE are both set: remove one`);
  if (direct) return direct;
  if (!path) return declared.default;
  try {
    return readFile(path).trim() || declared.default;
  } catch (error) {
    problems.push(`${declared.env}_FILE names ${path}, which cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return declared.default;
  }
}

/** Text to number and so on, with messages for people. */
export const text = z.string();
export const optionalText = z.string().optional();
export const port = z.coerce.number('not a number').int('not a whole number').min(0).max(65_535);
export const milliseconds = z.coerce.number('not a number').int('not a whole number').min(0);
export const count = z.coerce.number('not a number').int('not a whole number').min(0);
export const bytes = z.coerce.number('not a number').int('not a whole number').min(0);
export const flag = z.enum(['true', 'false'], 'must be true or false').transform((value) => value === 'true');
export const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);
