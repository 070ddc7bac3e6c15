import { canonicalise } from '@customhouse/kernel/canonical';
import type { JsonObject } from './json-rpc.js';

/**
 * The text whose digest identifies a tool's definition: everything that the server said about the tool, unknown members included,
 * in RFC 8785 form. The order of members makes no difference; any other change does.
 */
export function definitionText(definition: JsonObject): string {
  return canonicalise(definition);
}
