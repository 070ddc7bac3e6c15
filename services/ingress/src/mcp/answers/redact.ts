import type { Json } from '@customhouse/kernel/canonical';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';

/**
 * Takes out of a result what the policy says: members by name, wherever they are, and values by JSON Pointer. Both are looked for in
 * the structured result and in every text of the result that is JSON. A text that is not JSON, and what is no text, cannot be looked
 * through, so it is withheld, and a text says so in its place. The result that is given stays as it is.
 *
 * `targets`: names (`iban`) and pointers (`/rows/0/iban`).
 */
export function redact(result: JsonObject, targets: readonly string[]): JsonObject {
  const wanted = wantedIn(targets);
  const redacted: JsonObject = { ...result };
  if (result['structuredContent'] !== undefined) redacted['structuredContent'] = without(result['structuredContent'], wanted);
  // Of a tool, of resources, of a prompt.
  if (Array.isArray(result['content'])) redacted['content'] = result['content'].map((block) => blockWithout(block, wanted));
  if (Array.isArray(result['contents'])) redacted['contents'] = result['contents'].map((contents) => contentsWithout(contents, wanted));
  if (Array.isArray(result['messages'])) redacted['messages'] = result['messages'].map((message) => messageWithout(message, wanted));
  return redacted;
}

/** The same for the `data` of an error. */
export function redactError<Data extends JsonObject>(error: Data, targets: readonly string[]): Data {
  return error['data'] === undefined ? error : { ...error, data: without(error['data'], wantedIn(targets)) };
}

interface Wanted {
  readonly names: ReadonlySet<string>;
  readonly pointers: readonly (readonly string[])[];
}

const withheld = 'Withheld: the policy takes fields out of this result, and this part of it is not JSON.';

function wantedIn(targets: readonly string[]): Wanted {
  const pointers = targets.filter((target) => target.startsWith('/')).map((pointer) => pointer.slice(1).split('/').map(unescaped));
  return { names: new Set(targets.filter((target) => !target.startsWith('/'))), pointers };
}

function unescaped(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

function messageWithout(message: Json | undefined, wanted: Wanted): Json {
  if (!isJsonObject(message)) return { role: 'user', content: { type: 'text', text: withheld } };
  const { content } = message;
  return { ...message, content: Array.isArray(content) ? content.map((block) => blockWithout(block, wanted)) : blockWithout(content, wanted) };
}

function blockWithout(block: Json | undefined, wanted: Wanted): Json {
  if (isJsonObject(block)) {
    const { type, text, resource } = block;
    if (type === 'text' && typeof text === 'string') return { ...block, text: textWithout(text, wanted) };
    if (type === 'resource' && isJsonObject(resource)) return { ...block, resource: contentsWithout(resource, wanted) };
    // A link has no content: only a name, a URI and words about it.
    if (type === 'resource_link') return without(block, wanted);
  }
  return { type: 'text', text: withheld };
}

function contentsWithout(contents: Json | undefined, wanted: Wanted): Json {
  if (!isJsonObject(contents)) return { uri: '', text: withheld };
  const { text, blob: _blob, ...rest } = contents;
  return { ...rest, text: typeof text === 'string' ? textWithout(text, wanted) : withheld };
}

function textWithout(text: string, wanted: Wanted): string {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return withheld;
  }
  // A bare text or number has no members, so it is as unreadable as prose.
  return typeof value === 'object' && value !== null ? JSON.stringify(without(value, wanted)) : withheld;
}

function without(value: Json, { names, pointers }: Wanted): Json {
  let left = names.size === 0 ? value : withoutNames(value, names);
  for (const pointer of pointers) left = withoutAt(left, pointer);
  return left;
}

function withoutNames(value: Json, names: ReadonlySet<string>): Json {
  if (Array.isArray(value)) return value.map((item) => withoutNames(item, names));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !names.has(name))
      .map(([name, member]) => [name, withoutNames(member, names)]),
  );
}

/** An item of a list leaves null behind, so that the others keep their places. */
function withoutAt(value: Json, [token, ...rest]: readonly string[]): Json {
  if (token === undefined || typeof value !== 'object' || value === null || !Object.hasOwn(value, token)) return value;
  if (Array.isArray(value)) return value.map((item, index) => (String(index) !== token ? item : rest.length === 0 ? null : withoutAt(item, rest)));
  const entries = Object.entries(value).flatMap(([name, member]) => (name !== token ? [[name, member]] : rest.length === 0 ? [] : [[name, withoutAt(member, rest)]]));
  return Object.fromEntries(entries) as JsonObject;
}
