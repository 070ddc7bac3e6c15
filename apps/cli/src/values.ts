import { readFileSync } from 'node:fs';
import { CliProblem } from './problem.js';

export type JsonObject = { [name: string]: unknown };

/** The text of a file, or of standard input for `-`. */
export function readInput(path: string, readStdin: () => string): string {
  try {
    return path === '-' ? readStdin() : readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'it does not exist' : code === 'EACCES' ? 'permission denied' : code === 'EISDIR' ? 'it is a folder' : String((error as Error).message);
    throw new CliProblem('usage', `cannot read ${path === '-' ? 'standard input' : path}: ${why}`);
  }
}

/** JSON text that must be an object. `source` names it in messages. */
export function jsonObject(text: string, source: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CliProblem('usage', `${source} is not JSON: ${(error as Error).message}`, { hint: `For example: --args '{"message":"hello"}' or --args message=hello` });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new CliProblem('usage', `${source} must be a JSON object, and is ${describe(value)}`);
  return value as JsonObject;
}

/**
 * `name=value` arguments for a tool. A value is text where the tool's schema says text; otherwise it is JSON if it reads as JSON
 * (`count=3`, `deep=true`, `tags=["a"]`), and text if it does not.
 */
export function assignments(pairs: readonly string[], schema: JsonObject | undefined): JsonObject {
  const result: JsonObject = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new CliProblem('usage', `"${pair}" is not an argument`, { hint: `Write name=value, or all arguments as JSON: --args '{"name":"value"}'` });
    const name = pair.slice(0, at);
    if (Object.hasOwn(result, name)) throw new CliProblem('usage', `the argument "${name}" is given twice`);
    Object.defineProperty(result, name, { value: valueOf(pair.slice(at + 1), typeIn(schema, name)), enumerable: true, writable: true, configurable: true });
  }
  return result;
}

function typeIn(schema: JsonObject | undefined, name: string): unknown {
  const properties = schema?.properties as Record<string, { type?: unknown }> | undefined;
  return properties && Object.hasOwn(properties, name) ? properties[name]?.type : undefined;
}

function valueOf(text: string, type: unknown): unknown {
  if (type === 'string') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** A moment as people write one: `15m`, `2h`, `7d` ago, a date, or a timestamp. Answers `2026-11-22T13:00:00.000Z`. */
export function moment(text: string, now: number): string {
  const ago = /^(\d{1,6})([smhdw])$/.exec(text);
  if (ago) return new Date(now - Number(ago[1]) * units[ago[2]!]!).toISOString();
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new CliProblem('usage', `"${text}" is not a time`, { hint: 'Write how long ago (15m, 2h, 7d), a date (2026-11-22) or a timestamp (2026-11-22T13:00:00Z).' });
  return new Date(time).toISOString();
}

/** A length of time in milliseconds: `90s`, `15m`, `2h`, `30d`; a bare number is seconds. */
export function duration(text: string): number {
  const match = /^(\d{1,9})([smhdw]?)$/.exec(text);
  if (!match) throw new CliProblem('usage', `"${text}" is not a length of time`, { hint: 'For example 90s, 15m, 2h or 30d.' });
  return Number(match[1]) * units[match[2] || 's']!;
}
