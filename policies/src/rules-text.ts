import { isMap, isPair, isScalar, LineCounter, parseDocument, type Document, type ParsedNode } from 'yaml';
import { RuleSet } from '@customhouse/policy-contract/rules';

/** One thing that is wrong with a rule file, and where. Lines and columns count from 1. */
export interface RuleProblem {
  readonly line: number;
  readonly column: number;
  /** `rules[3].tools[0]`; empty when the text itself cannot be read. */
  readonly path: string;
  readonly message: string;
}

/** Everything that is wrong with a rule file, at once. */
export class RulesInvalid extends Error {
  override readonly name = 'RulesInvalid';
  constructor(readonly problems: readonly RuleProblem[]) {
    super(
      `the rules are not valid:\n${problems.map((problem) => `  - line ${problem.line}, column ${problem.column}: ${problem.path ? `${problem.path}: ` : ''}${problem.message}`).join('\n')}`,
    );
  }
}

/** More would say nothing new. */
const mostProblems = 50;

/** Reads rules written in YAML or in JSON, which is YAML too. Throws RulesInvalid. */
export function readRules(text: string): RuleSet {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, version: '1.2', schema: 'core', merge: false, prettyErrors: false });
  const unreadable = [...document.errors, ...document.warnings];
  if (unreadable.length > 0) {
    throw new RulesInvalid(unreadable.slice(0, mostProblems).map((error) => ({ ...at(lines, error.pos[0]), path: '', message: error.message })));
  }
  const parsed = RuleSet.safeParse(valueOf(document));
  if (parsed.success) return parsed.data;
  throw new RulesInvalid(
    parsed.error.issues.slice(0, mostProblems).map((issue) => {
      const stray = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
      return { ...at(lines, offsetOf(document, issue.path, stray)), path: written(issue.path), message: issue.message };
    }),
  );
}

function valueOf(document: Document.Parsed): unknown {
  try {
    // Aliases are counted, so that a few lines cannot stand for millions.
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new RulesInvalid([{ line: 1, column: 1, path: '', message: error instanceof Error ? error.message : String(error) }]);
  }
}

/** Where the value at a path begins; where it is missing, where the nearest thing around it begins. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[], stray: string | undefined): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = (length === 0 ? document.contents : document.getIn(path.slice(0, length), true)) as ParsedNode | null | undefined;
    if (!node?.range) continue;
    const key = stray !== undefined && isMap(node) ? node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === stray)?.key : undefined;
    return (key as ParsedNode | undefined)?.range?.[0] ?? node.range[0];
  }
  return 0;
}

function at(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function written(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}${text && '.'}${String(part)}`), '');
}
