import type { Rule } from '@customhouse/policy-contract/rules';
import { BoundedMap } from './bounded-map.js';
import { CallerIndex, type Caller } from './caller-index.js';
import { matches, takeApart, type PatternParts } from './pattern.js';
import { isAboutTemplate } from './template-rules.js';

/** What the rules say about one tool, or about another target of a method. */
export interface ToolRules {
  /** JSON Pointers of the arguments that some rule looks at. */
  readonly argumentsNeeded: readonly string[];
  /** What else they look at that costs time to find out. */
  readonly looksAt: LooksAt;
  /** Whether a rule for a tool with these labels looks at what its session has done. */
  looksAtSession(labels: readonly string[]): boolean;
  /** Numbers of the rules that may apply, ascending: those for other labels are left out, and those about findings where there are none. */
  candidates(caller: Caller, labels: readonly string[], hasFindings: boolean): readonly number[];
}

/** Whether some rule looks at a part of the input that would otherwise be left out. */
export interface LooksAt {
  readonly destinations: boolean;
  readonly session_state: boolean;
  readonly annotations: boolean;
  readonly client: boolean;
  /** More of the principal than its names and groups. */
  readonly principal: boolean;
  /** The rules that have a limit. */
  readonly limits: readonly Rule[];
}

/**
 * Rules by method and tool, prompt or URI. Made when a version is activated; the rules for one are found once and remembered, so that
 * neither the number of rules nor that of patterns is felt by a call.
 */
export class ToolIndex {
  readonly #exact = new Map<string, number[]>();
  readonly #byServer = new Map<string, number[]>();
  readonly #byTool = new Map<string, number[]>();
  readonly #everyTool: number[] = [];
  readonly #patterns: { readonly number: number; readonly server: PatternParts; readonly tool: PatternParts }[] = [];
  readonly #known: BoundedMap<ToolRules>;

  /** `rules` in the order of their numbers; `remembered` tools are kept resolved. */
  constructor(
    readonly rules: readonly Rule[],
    remembered: number,
  ) {
    this.#known = new BoundedMap(remembered);
    for (const [number, rule] of rules.entries()) for (const pattern of new Set(rule.tools)) this.#add(number, pattern);
  }

  about(method: string, server: string, tool: string): ToolRules {
    // A method has no space and a server's name no slash, so no two keys are the same.
    const key = `${method} ${server}/${tool}`;
    const known = this.#known.get(key);
    if (known) return known;
    const found = toolRules(this.#resolve(method, server, tool), this.rules);
    this.#known.set(key, found);
    return found;
  }

  /** What the rules say about the URIs that a template stands for, as far as that concerns whether it is listed. */
  aboutTemplate(method: string, server: string, template: string): ToolRules {
    const key = `template ${method} ${server}/${template}`;
    const known = this.#known.get(key);
    if (known) return known;
    const numbers = [...this.rules.keys()].filter((number) => isAbout(this.rules[number]!, method) && isAboutTemplate(this.rules[number]!, server, template));
    const found = toolRules(numbers, this.rules);
    this.#known.set(key, found);
    return found;
  }

  #add(number: number, pattern: string): void {
    const slash = pattern.indexOf('/');
    const server = pattern.slice(0, slash);
    const tool = pattern.slice(slash + 1);
    if (server === '*' && tool === '*') this.#everyTool.push(number);
    else if (!pattern.includes('*')) push(this.#exact, pattern, number);
    else if (tool === '*' && !server.includes('*')) push(this.#byServer, server, number);
    else if (server === '*' && !tool.includes('*')) push(this.#byTool, tool, number);
    else this.#patterns.push({ number, server: takeApart(server), tool: takeApart(tool) });
  }

  #resolve(method: string, server: string, tool: string): readonly number[] {
    const numbers = new Set([...this.#everyTool, ...(this.#exact.get(`${server}/${tool}`) ?? []), ...(this.#byServer.get(server) ?? []), ...(this.#byTool.get(tool) ?? [])]);
    for (const pattern of this.#patterns) if (matches(pattern.server, server) && matches(pattern.tool, tool)) numbers.add(pattern.number);
    return [...numbers].filter((number) => isAbout(this.rules[number]!, method)).sort((a, b) => a - b);
  }
}

/** Whoever may subscribe to a resource may end that, too. */
function isAbout({ methods }: Rule, method: string): boolean {
  if (methods === undefined) return method === 'tools/call';
  return (methods as readonly string[]).includes(method === 'resources/unsubscribe' ? 'resources/subscribe' : method);
}

function toolRules(numbers: readonly number[], rules: readonly Rule[]): ToolRules {
  const all = new CallerIndex(numbers, rules);
  const quiet = new CallerIndex(
    numbers.filter((number) => !rules[number]!.findings),
    rules,
  );
  const pointers = new Set(numbers.flatMap((number) => (rules[number]!.when ?? []).map((condition) => condition.argument)));
  const about = numbers.map((number) => rules[number]!);
  return {
    looksAt: {
      destinations: about.some((rule) => rule.destinations !== undefined),
      session_state: about.some((rule) => rule.session_labels !== undefined),
      annotations: about.some((rule) => rule.annotations !== undefined),
      client: about.some((rule) => rule.who?.clients !== undefined),
      principal: about.some(({ who }) => who?.owners !== undefined || who?.attributes !== undefined || who?.delegated !== undefined),
      limits: about.filter((rule) => rule.limit !== undefined),
    },
    looksAtSession: (labels) => about.some((rule) => rule.session_labels !== undefined && suits(rule, labels)),
    argumentsNeeded: Object.freeze([...pointers].sort()),
    candidates: (caller, labels, hasFindings) => (hasFindings ? all : quiet).rulesFor(caller).filter((number) => suits(rules[number]!, labels)),
  };
}

function suits({ labels: wanted, without_labels: unwanted }: Rule, labels: readonly string[]): boolean {
  return (!wanted || wanted.some((label) => labels.includes(label))) && !unwanted?.some((label) => labels.includes(label));
}

function push(map: Map<string, number[]>, key: string, number: number): void {
  const list = map.get(key);
  if (list) list.push(number);
  else map.set(key, [number]);
}
