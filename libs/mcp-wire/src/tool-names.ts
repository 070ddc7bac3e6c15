/** Many clients and models stop at 64 characters of `[A-Za-z0-9_.-]`. */
export const maxExposedLength = 64;

const separator = '__';
const permitted = /^[A-Za-z0-9_.-]+$/;
/** How a shortened name ends. A tool whose own name ends like this is shortened too, so that the two can never meet. */
const shortened = /__[0-9a-f]{16}$/;

/**
 * The name that clients see for a server's tool: `server__tool`. A name that is too long or holds other characters keeps
 * its readable beginning and ends with a part of the digest of the whole, so it is the same in every process and after every restart.
 *
 * Server names hold no underscore, so the first `__` ends the server's name. Two tools of different servers never meet; two
 * tools of one server meet only when 64 bits of SHA-256 do, and then only one of them is served (see `exposeAll`).
 * `sha256` answers in hexadecimal; it is an input because this library has no platform.
 */
export function exposedName(server: string, tool: string, sha256: (text: string) => string): string {
  const plain = server + separator + tool;
  if (plain.length <= maxExposedLength && permitted.test(tool) && !shortened.test(plain)) return plain;
  const ending = separator + sha256(`${server}/${tool}`).slice(0, 16);
  const readable = plain.replaceAll(/[^A-Za-z0-9_.-]/gu, '_').slice(0, maxExposedLength - ending.length);
  return readable + ending;
}

export interface ToolAddress {
  readonly server: string;
  readonly tool: string;
}

/**
 * Names for all tools of a catalogue. Should two tools have one name, the one whose own name sorts first has it, and the other is
 * in `hidden`: nobody can take a name that another tool is known by.
 */
export function exposeAll<Tool extends ToolAddress>(
  tools: readonly Tool[],
  sha256: (text: string) => string,
): { readonly exposed: ReadonlyMap<string, Tool>; readonly hidden: readonly Tool[] } {
  const exposed = new Map<string, Tool>();
  const hidden: Tool[] = [];
  for (const tool of tools) {
    const name = exposedName(tool.server, tool.tool, sha256);
    const other = exposed.get(name);
    if (other === undefined) exposed.set(name, tool);
    else if (other.tool <= tool.tool) hidden.push(tool);
    else {
      exposed.set(name, tool);
      hidden.push(other);
    }
  }
  return { exposed, hidden };
}
