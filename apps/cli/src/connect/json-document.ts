import { isDeepStrictEqual } from 'node:util';
import { findNodeAtLocation, getNodeValue, parseTree, printParseErrorCode, stripComments, type Node, type ParseError } from 'jsonc-parser';
import { CliProblem } from '../problem.js';
import type { ListItem } from './clients.js';

type Members = Record<string, unknown>;

// jsonc-parser finds the places; the text is changed here, because its own `modify` lays the neighbours out anew and moves their comments.

/**
 * Sets the member `outer.inner`, or with `undefined` removes it. Comments, order and white space of everything else stay as they
 * are. The result is read back and must say exactly what was asked for.
 */
export function editJson(text: string, outer: string, inner: string, value: unknown): string {
  const document = beginning(text);
  const root = rootOf(document);
  const before = valueOf(root) as Members;
  const present = findNodeAtLocation(root, [outer]);
  if (present && present.type !== 'object') throw new CliProblem('failed', `"${outer}" is not an object there`);
  const property = findNodeAtLocation(root, [outer, inner]);
  if (value === undefined) return property ? verified(without(document, property.parent!), { ...before, [outer]: omit(before[outer] as Members, inner) }) : text;
  const after = property
    ? replaced(document, property, value)
    : present
      ? added(document, present, member(inner, value))
      : added(document, root, member(outer, { [inner]: value }));
  return verified(after, { ...before, [outer]: { ...(before[outer] as Members | undefined), [inner]: value } });
}

/** Puts an object into a list of the document, in place of the one with the same id. */
export function putIntoList(text: string, { list, item }: ListItem): string {
  const document = beginning(text);
  const root = rootOf(document);
  const before = valueOf(root) as Members;
  const present = findNodeAtLocation(root, [list]);
  if (!present) return verified(added(document, root, member(list, [item])), { ...before, [list]: [item] });
  if (present.type !== 'array') throw new CliProblem('failed', `"${list}" is not a list there`);
  const items = valueOf(present) as readonly { id?: unknown }[];
  const index = items.findIndex((candidate) => candidate?.id === item.id);
  if (index < 0)
    return verified(
      added(document, present, (indent, unit) => layOut(item, indent, unit)),
      { ...before, [list]: [...items, item] },
    );
  return verified(replaced(document, present.children![index]!, item), { ...before, [list]: items.with(index, item) });
}

/** What the document says, or undefined where it says nothing. */
export function readJson(text: string, path: readonly string[]): unknown {
  const node = findNodeAtLocation(rootOf(beginning(text)), [...path]);
  return node && valueOf(node);
}

/** An empty file is an empty document. */
function beginning(text: string): string {
  return text.trim() === '' ? '{}\n' : text;
}

function rootOf(document: string): Node {
  const errors: ParseError[] = [];
  const root = parseTree(document, errors, { allowTrailingComma: true });
  const first = errors[0];
  if (first) throw new CliProblem('failed', `it is not valid JSON at ${place(document, first.offset)}: ${printParseErrorCode(first.error)}`);
  if (root?.type !== 'object') throw new CliProblem('failed', 'it does not hold a JSON object');
  return root;
}

/** A plain copy: the parser's own objects have no prototype, and compare as different from ours. */
function valueOf(node: Node): unknown {
  return JSON.parse(JSON.stringify(getNodeValue(node))) as unknown;
}

function place(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}

function verified(text: string, wanted: unknown): string {
  if (!isDeepStrictEqual(valueOf(rootOf(text)), wanted)) throw new CliProblem('failed', 'it is written in a form that cannot be changed safely');
  return text;
}

function omit(members: Members, name: string): Members {
  const { [name]: _, ...others } = members;
  return others;
}

type Layout = (indent: string, unit: string) => string;

function member(name: string, value: unknown): Layout {
  return (indent, unit) => `${JSON.stringify(name)}: ${layOut(value, indent, unit)}`;
}

function layOut(value: unknown, indent: string, unit: string): string {
  return JSON.stringify(value, undefined, unit).replaceAll('\n', `\n${indent}`);
}

function replaced(text: string, node: Node, value: unknown): string {
  const fresh = layOut(value, indentOfLine(text, node.offset), indentUnit(text));
  return splice(text, node.offset, node.offset + node.length, fresh);
}

/** Adds a last member or item, on lines of its own. Comments after what was last stay with it. */
function added(text: string, container: Node, layout: Layout): string {
  const unit = indentUnit(text);
  const outer = indentOfLine(text, container.offset);
  const indent = outer + unit;
  const end = container.offset + container.length - 1;
  const last = container.children?.at(-1);
  const from = last ? last.offset + last.length : container.offset + 1;
  const tail = text.slice(from, end);
  const comma = !last || stripComments(tail).includes(',') ? '' : ',';
  const closing = tail.slice(tail.trimEnd().length).includes('\n') ? tail.slice(tail.trimEnd().length) : `\n${outer}`;
  return splice(text, from, end, `${comma}${tail.trimEnd()}\n${indent}${layout(indent, unit)}${closing}`);
}

/** Takes a member out with its comma, and its line where it stood alone on it. */
function without(text: string, property: Node): string {
  const siblings = property.parent!.children!;
  const index = siblings.indexOf(property);
  const end = property.offset + property.length;
  const comma = /^\s*,/.exec(text.slice(end))?.[0].length ?? 0;
  if (comma > 0 || index === 0) return splice(text, property.offset, end + comma + /^[ \t]*(?:\r?\n[ \t]*)?/.exec(text.slice(end + comma))![0].length, '');
  const previous = siblings[index - 1]!;
  return splice(text, previous.offset + previous.length, end, '');
}

/** Replaces a part, in the line ends of the file. */
function splice(text: string, start: number, end: number, fresh: string): string {
  const lines = text.includes('\r\n') ? fresh.replaceAll(/\r?\n/g, '\r\n') : fresh;
  return text.slice(0, start) + lines + text.slice(end);
}

function indentOfLine(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return /^[ \t]*/.exec(line)![0];
}

function indentUnit(text: string): string {
  return /^([ \t]+)\S/m.exec(text)?.[1] ?? '  ';
}
