import { canonicalise } from '@customhouse/kernel/canonical';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { Failure } from './failure.js';

/**
 * The canonical form of what a client sent. Throws Failure for numbers that JSON can write and JavaScript cannot hold (1e400): they have no
 * such form, and must not reach the server as something else.
 */
export function canonicalText(value: JsonObject): string {
  try {
    return canonicalise(value);
  } catch (error) {
    throw new Failure('invalid-params', `the arguments cannot be recorded: ${error instanceof Error ? error.message : 'they have no canonical form'}`);
  }
}
