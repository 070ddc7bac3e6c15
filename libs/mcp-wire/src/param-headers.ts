import type { Json } from '@customhouse/kernel/canonical';
import { headerSays, headerValue, type ToBase64 } from './header-values.js';
import { isJsonObject, type JsonObject } from './json-rpc.js';

/** An argument that travels in a header too, because the tool's `inputSchema` marks it with `x-mcp-header`. */
export interface ParamHeader {
  /** Lower case: `mcp-param-region`. */
  readonly header: string;
  /** Names of properties that lead to it from the arguments. */
  readonly path: readonly string[];
  readonly type: 'string' | 'integer' | 'boolean' | 'number';
}

/** The headers of a tool, or why its marks are not as the revision permits: clients leave such a tool out. */
export interface ParamHeaders {
  readonly headers: readonly ParamHeader[];
  readonly fault: string | undefined;
}

const mark = 'x-mcp-header';
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** `number` is not permitted, but a header that is sent for one is still compared. */
const types: ReadonlySet<Json | undefined> = new Set(['string', 'integer', 'boolean', 'number']);
/** Deeper marks are not looked for; the definition then has a fault. */
const deepest = 64;

export function paramHeadersOf(inputSchema: unknown): ParamHeaders {
  const scan = new Scan();
  scan.visit(inputSchema, [], true, 0);
  return { headers: scan.headers, fault: scan.fault };
}

/** Walks over a schema once. Only a chain of `properties` leads to a mark that counts; anywhere else it is a fault. */
class Scan {
  readonly headers: ParamHeader[] = [];
  fault: string | undefined;
  readonly #names = new Set<string>();

  visit(schema: unknown, path: readonly string[], reachable: boolean, depth: number): void {
    if (depth > deepest) return void (this.fault ??= 'the schema nests too deep to look for x-mcp-header');
    if (Array.isArray(schema)) return schema.forEach((item) => this.visit(item, path, false, depth + 1));
    if (!isJsonObject(schema)) return;
    if (mark in schema) this.#take(schema, path, reachable);
    for (const [keyword, value] of Object.entries(schema)) {
      if (keyword !== 'properties') this.visit(value, path, false, depth + 1);
      else if (isJsonObject(value)) for (const [name, child] of Object.entries(value)) this.visit(child, [...path, name], reachable, depth + 1);
    }
  }

  #take(schema: JsonObject, path: readonly string[], reachable: boolean): void {
    const { [mark]: name, type } = schema;
    const where = path.length === 0 ? 'the schema itself' : path.join('.');
    // A property that is called x-mcp-header, an example, a default: not a mark, because it names no schema.
    if (!reachable || path.length === 0) return void (typeof name === 'string' && (this.fault ??= `x-mcp-header of ${where} is not reached through "properties" alone`));
    if (typeof name !== 'string' || !token.test(name)) return void (this.fault ??= `x-mcp-header of ${where} is not the name of a header`);
    const header = `mcp-param-${name.toLowerCase()}`;
    if (this.#names.has(header)) return void (this.fault ??= `x-mcp-header "${name}" is used twice`);
    this.#names.add(header);
    if (!types.has(type)) return void (this.fault ??= `x-mcp-header of ${where} needs the type string, integer or boolean`);
    if (type === 'number') this.fault ??= `x-mcp-header of ${where} must not be of the type number`;
    this.headers.push({ header, path, type: type as ParamHeader['type'] });
  }
}

/** The headers to send with a call, by name. */
export function headersFor(headers: readonly ParamHeader[], args: JsonObject, toBase64: ToBase64): Record<string, string> {
  const sent: Record<string, string> = {};
  for (const { header, path } of headers) {
    const text = textOf(valueAt(args, path));
    if (text !== undefined) sent[header] = headerValue(text, toBase64);
  }
  return sent;
}

/** The first header that says something else than the body, in words; undefined when all agree. `header` answers with a header by its name in lower case. */
export function disagreement(
  headers: readonly ParamHeader[],
  args: JsonObject,
  header: (name: string) => string | undefined,
  toBase64: ToBase64,
): { readonly header: string; readonly message: string } | undefined {
  for (const { header: name, path, type } of headers) {
    const value = valueAt(args, path);
    const text = textOf(value);
    if (text === undefined) continue;
    const said = header(name);
    if (said === undefined) return { header: name, message: `the header ${name} is missing, though the argument "${path.join('.')}" is there` };
    const numeric = (type === 'integer' || type === 'number') && typeof value === 'number' && isDecimal(said);
    if (numeric ? Number(said) !== value : !headerSays(said, text, toBase64))
      return { header: name, message: `the header ${name} says something else than the argument "${path.join('.')}"` };
  }
  return undefined;
}

function valueAt(args: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = args;
  for (const name of path) {
    if (!isJsonObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** Numbers that JavaScript does not hold exactly have no header. */
function textOf(value: Json | undefined): string | undefined {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
      return String(value);
    case 'number':
      return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
    default:
      return undefined;
  }
}

function isDecimal(text: string): boolean {
  return /^[ \t]*-?\d+(?:\.\d+)?[ \t]*$/.test(text);
}
