import { catalogue } from '@customhouse/events/all';
import { parseWireType, type EventDeclaration } from '@customhouse/events/catalogue';

/** Data that a service stored itself, in the current version of its type. Throws for a type that the catalogue does not have. */
export function currentData(wire: string, text: string): { readonly type: string; readonly declaration: EventDeclaration; readonly data: unknown } {
  const parsed = parseWireType(wire);
  const declaration = parsed && catalogue.get(parsed.type);
  if (!parsed || !declaration) throw new Error(`the stored event type ${wire} is not in the catalogue`);
  if (parsed.version > declaration.version) throw new Error(`the stored event type ${wire} is newer than this software, which knows version ${declaration.version}`);
  let data: unknown = JSON.parse(text);
  for (let version = parsed.version; version < declaration.version; version += 1) data = declaration.upcasters[version]!(data);
  return { type: parsed.type, declaration, data };
}
