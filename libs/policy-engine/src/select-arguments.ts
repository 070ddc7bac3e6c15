/**
 * Takes out of a call's arguments what the rules look at: `Policy.argumentsNeeded` gives the pointers, `PolicyInput.arguments` takes
 * the answer. What is not there is left out. Objects and lists come back empty, since no rule looks inside; texts come back
 * well-formed (a lone surrogate becomes U+FFFD), since the module reads UTF-8.
 */
export function selectArguments(pointers: readonly string[], values: unknown): Record<string, unknown> {
  const selected: Record<string, unknown> = {};
  for (const pointer of pointers) {
    const value = valueAt(values, pointer);
    if (value !== undefined) selected[pointer] = outline(value);
  }
  return selected;
}

/** JSON Pointer (RFC 6901). Undefined where nothing is; inherited members are nothing. */
function valueAt(root: unknown, pointer: string): unknown {
  let value = root;
  for (const token of pointer.slice(1).split('/')) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    if (Array.isArray(value) && !/^(?:0|[1-9][0-9]*)$/.test(name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function outline(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return [];
  return typeof value === 'object' && value !== null ? {} : value;
}
