import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { Decision } from '@customhouse/policy-contract/decision';
import { JsonPointer } from '@customhouse/policy-contract/patterns';
import { PolicyInput, type Annotations } from '@customhouse/policy-contract/input';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { Limit } from '@customhouse/policy-contract/rules';
import { BoundedMap } from './bounded-map.js';
import { circumstancesOf, isOver, type Circumstances } from './circumstances.js';
import { compileRule, inOrder } from './compiled-rules.js';
import { decisionOf, refusal } from './decision-of.js';
import { EvaluationFailed, NotInTime, PolicyModule, PolicyUnusable } from './policy-module.js';
import { ToolIndex, type ToolRules } from './tool-index.js';

/** One version of the policy, ready to decide. */
export type Policy = InstantPolicy | RemotePolicy;

/** What is the same wherever a version is evaluated. */
interface PolicyInForce {
  readonly version: PolicyVersion;
  /** What its decisions say of it. */
  readonly stamp: Decision['policy'];
  /** JSON Pointers of the arguments that `decide` wants for this method and target; see `selectArguments`. Costs a look-up. */
  argumentsNeeded(server: string, tool: string, method?: GovernedMethod): readonly string[];
  /** What else `decide` wants to know of such a call, of a tool with these labels where they are given. Costs a look-up. */
  needs(server: string, tool: string, method?: GovernedMethod, labels?: readonly string[]): Needs;
  /** It was replaced: it gives back what it holds. Whoever still has it may ask it all the same. */
  close(): void;
}

/** Decides where it is asked. Everything in it is synchronous, and nothing in it throws. */
export interface InstantPolicy extends PolicyInForce {
  readonly instant: true;
  /** The same input gives the same decision. What cannot be decided is refused by the rule `policy-error` or `policy-input-too-large`. */
  decide(input: PolicyInput): Decision;
  /** Whether this method on this target by this caller could ever be allowed or held, arguments and findings permitting. For lists. `tool`: the target, whatever it is. */
  visible(principal: PolicyInput['principal'], target: Target, method?: GovernedMethod): boolean;
}

/** Decides elsewhere, within a time: remote-policy.ts. */
export interface RemotePolicy extends PolicyInForce {
  readonly instant: false;
  /** Like that of an instant policy, and never rejects. What takes too long is refused by the rule `policy-timeout`, what has no turn in time by `policy-busy`. */
  decide(input: PolicyInput): Promise<Decision>;
  /** Rejects with NotInTime. */
  visible(principal: PolicyInput['principal'], target: Target, method?: GovernedMethod): Promise<boolean>;
}

/** Parts of the input that cost time to find out. What is not needed may be left empty. */
export interface Needs {
  readonly destinations: boolean;
  readonly session_state: boolean;
  /** Rules that have a limit: `used` says of each how many calls it has let through. */
  readonly limits: readonly NeededLimit[];
}

/** A rule that has a limit. */
export interface NeededLimit {
  readonly rule: string;
  readonly limit: Limit;
}

/** A tool, prompt or URI of a server, with the labels that were accepted for it. */
export interface Target {
  readonly server: string;
  readonly tool: string;
  readonly labels: readonly string[];
  /** Of a tool. */
  readonly annotations?: Annotations | null;
  /** `tool` is a template of URIs: what counts is whether something that it stands for could be allowed. */
  readonly template?: boolean;
}

export interface PolicyOptions {
  /** Told of every evaluation that failed. The decision was a refusal. */
  readonly onError?: (error: Error) => void;
  /** Characters in all selected arguments together; a call with more is refused. Default 65,536. */
  readonly argument_characters?: number;
  /** Decisions and verdicts on visibility that are remembered. Default 10,000 each. */
  readonly remembered_decisions?: number;
  /** Tools and other targets whose rules are remembered. Default 20,000. */
  readonly remembered_tools?: number;
  /** Memory that the module may use, in pages of 64 KiB. Default 1,024 (64 MiB). */
  readonly memory_pages?: number;
}

/** Makes a version ready: rules into an index, rules into the module. Rejects with PolicyUnusable; takes milliseconds, and is done once per version. */
export async function compilePolicy(version: PolicyVersion, wasm: Uint8Array, options: PolicyOptions = {}): Promise<InstantPolicy> {
  const module = await PolicyModule.load(wasm, moduleData(version), options.memory_pages ?? memoryPages);
  const own = hasOwnRego(version) ? { arguments: module.has(entrypoints.arguments) ? module.evaluate(entrypoints.arguments, {}) : undefined } : undefined;
  return new PolicyHere(version, module, own, options);
}

/** What the module of a version gets as data. */
export function moduleData({ rules }: PolicyVersion): object {
  return { rules: inOrder(rules).map(compileRule) };
}

/** Whether a version brings Rego beside its rules: a program that may take any time. */
export function hasOwnRego({ modules }: PolicyVersion): boolean {
  return Object.keys(modules).some((name) => !name.endsWith('_test.rego'));
}

export const entrypoints = { decision: 'customhouse/decision', visible: 'customhouse/visible', arguments: 'customhouse/arguments', reads: 'customhouse/reads' } as const;
/** Pages of memory, of 64 KiB. */
export const memoryPages = 1024;

export const everything = Object.keys(PolicyInput.shape) as readonly (keyof PolicyInput)[];
export type Field = keyof PolicyInput;

/** Longer questions come from callers with very many groups; remembering them would cost more memory than it saves time. */
export const longestRemembered = 1024;

/** What a version's own Rego wants to see, as the module says it. */
export interface OwnRego {
  readonly arguments: unknown;
}

/** JSON Pointers. Throws PolicyUnusable for what is none. */
function pointersOf(answer: unknown): readonly string[] {
  if (answer === undefined) throw new PolicyUnusable('the policy module has no entry point customhouse/arguments');
  if (Array.isArray(answer) && answer.every((pointer) => JsonPointer.safeParse(pointer).success)) return answer as string[];
  throw new PolicyUnusable('customhouse.custom.arguments is no set of JSON Pointers such as "/path"');
}

/** The fields that the module wants to see. A module that does not say gets all of them. */
function readsOf(module: PolicyModule): readonly Field[] {
  if (!module.has(entrypoints.reads)) return everything;
  const reads = module.evaluate(entrypoints.reads, {});
  if (!Array.isArray(reads)) throw new PolicyUnusable('customhouse/reads of the policy module is not a list of fields');
  const unknown = reads.filter((field) => !everything.includes(field as Field));
  if (unknown.length > 0) throw new PolicyUnusable(`the policy module reads ${unknown.map(String).join(', ')}, which the input does not have`);
  return reads as Field[];
}

/** A version as far as it does not matter where its module runs: which rules there are about a call, and what the module is asked. */
export class CompiledPolicy {
  readonly stamp: Decision['policy'];
  protected readonly shown: BoundedMap<boolean>;
  readonly #index: ToolIndex;
  /** JSON Pointers that the version's own Rego looks at; undefined where it has none. */
  readonly #own: readonly string[] | undefined;
  readonly #argumentCharacters: number;
  readonly #circumstances: readonly (Circumstances | undefined)[];
  readonly #needs = new WeakMap<ToolRules, { readonly arguments: readonly string[]; readonly others: Needs }>();
  readonly #names = new WeakMap<PolicyInput['principal'], Names>();

  /** Throws PolicyUnusable. `reads`: the fields that the module wants to see. */
  constructor(
    readonly version: PolicyVersion,
    own: OwnRego | undefined,
    readonly reads: readonly Field[],
    protected readonly options: PolicyOptions,
  ) {
    this.#index = new ToolIndex(inOrder(version.rules), options.remembered_tools ?? 20_000);
    this.#own = own && pointersOf(own.arguments);
    this.shown = new BoundedMap(options.remembered_decisions ?? 10_000);
    this.#argumentCharacters = options.argument_characters ?? 65_536;
    this.stamp = Object.freeze({ digest: version.digest, number: version.number });
    this.#circumstances = this.#index.rules.map(circumstancesOf);
  }

  argumentsNeeded(server: string, tool: string, method: GovernedMethod = 'tools/call'): readonly string[] {
    return this.#needsOf(this.#index.about(method, server, tool)).arguments;
  }

  needs(server: string, tool: string, method: GovernedMethod = 'tools/call', labels?: readonly string[]): Needs {
    const rules = this.#index.about(method, server, tool);
    const { others } = this.#needsOf(rules);
    if (labels === undefined || !others.session_state || this.#own !== undefined || rules.looksAtSession(labels)) return others;
    return { ...others, session_state: false };
  }

  /** The refusal of a call with more arguments than can be examined. */
  protected tooLarge(input: PolicyInput): Decision | undefined {
    const characters = charactersIn(input.arguments);
    if (characters <= this.#argumentCharacters) return undefined;
    return refusal(
      this.stamp,
      'policy-input-too-large',
      `The arguments that the policy looks at have ${characters} characters, and at most ${this.#argumentCharacters} can be examined.`,
    );
  }

  protected refusedOver(error: unknown): Decision {
    this.report(error);
    if (error instanceof NotInTime) return refusal(this.stamp, error.rule, error.message);
    return refusal(this.stamp, 'policy-error', 'The policy could not be evaluated, so the call is refused. Tell the administrator.');
  }

  /** What the module is asked about a target of a list. */
  protected questionOfList(principal: PolicyInput['principal'], target: Target, method: GovernedMethod): Record<string, unknown> {
    const { server, tool, labels, annotations = null } = target;
    const rules = target.template === true ? this.#index.aboutTemplate(method, server, tool) : this.#index.about(method, server, tool);
    const own = this.#own !== undefined;
    return {
      principal: own || rules.looksAt.principal ? principal : this.#namesOf(principal),
      labels,
      candidates: rules.candidates(principal, labels, true),
      ...((own || rules.looksAt.annotations) && { annotations }),
      ...(own && { method, server, tool }),
    };
  }

  #needsOf(rules: ToolRules): { readonly arguments: readonly string[]; readonly others: Needs } {
    let needs = this.#needs.get(rules);
    if (needs === undefined) {
      const own = this.#own;
      const { destinations, session_state, limits } = rules.looksAt;
      needs = {
        arguments: own === undefined ? rules.argumentsNeeded : [...new Set([...rules.argumentsNeeded, ...own])].sort(),
        others: {
          destinations: destinations || own !== undefined,
          session_state: session_state || own !== undefined,
          limits: limits.map(({ id, limit }) => ({ rule: id, limit: limit! })),
        },
      };
      this.#needs.set(rules, needs);
    }
    return needs;
  }

  /** What the module is asked: the fields that it reads and that matter here, and the numbers of the rules that may apply. */
  protected questionOf(input: PolicyInput): Record<string, unknown> {
    const { rules } = this.#index;
    const about = this.#index.about(input.method, input.server, input.tool);
    const candidates = about
      .candidates(input.principal, input.labels, input.findings.length > 0)
      .filter((number) => this.#circumstances[number] === undefined || this.#circumstances[number](input));
    const question: Record<string, unknown> = { candidates };
    if (about.looksAt.limits.length > 0) question['over'] = candidates.filter((number) => isOver(rules[number]!, input));
    for (const field of this.reads) if (this.#own !== undefined || matters(field, about)) question[field] = input[field];
    if (question['principal'] !== undefined && this.#own === undefined && !about.looksAt.principal) question['principal'] = this.#namesOf(input.principal);
    return question;
  }

  /** Made once for each principal, because it is asked about with every call. */
  #namesOf(principal: PolicyInput['principal']): Names {
    let names = this.#names.get(principal);
    if (names === undefined) this.#names.set(principal, (names = { agent: principal.agent, person: principal.person, groups: principal.groups }));
    return names;
  }

  protected report(error: unknown): void {
    this.options.onError?.(error instanceof Error ? error : new EvaluationFailed(String(error)));
  }
}

/** A version whose module runs here. */
class PolicyHere extends CompiledPolicy implements InstantPolicy {
  readonly instant = true;
  readonly #decisions: BoundedMap<Decision>;
  readonly #remembers: boolean;

  constructor(
    version: PolicyVersion,
    private readonly module: PolicyModule,
    own: OwnRego | undefined,
    options: PolicyOptions,
  ) {
    if (!module.has(entrypoints.decision)) throw new PolicyUnusable('the policy module has no entry point customhouse/decision');
    super(version, own, own === undefined ? readsOf(module) : everything, options);
    this.#decisions = new BoundedMap(options.remembered_decisions ?? 10_000);
    this.#remembers = own === undefined;
  }

  decide(input: PolicyInput): Decision {
    try {
      return this.tooLarge(input) ?? this.#decided(this.questionOf(input));
    } catch (error) {
      return this.refusedOver(error);
    }
  }

  visible(principal: PolicyInput['principal'], target: Target, method: GovernedMethod = 'tools/call'): boolean {
    try {
      if (!this.module.has(entrypoints.visible)) return true;
      const question = this.questionOfList(principal, target, method);
      const key = JSON.stringify(question);
      const known = this.shown.get(key);
      if (known !== undefined) return known;
      const visible = this.module.evaluate(entrypoints.visible, question) === true;
      if (key.length <= longestRemembered) this.shown.set(key, visible);
      return visible;
    } catch (error) {
      this.report(error);
      return false;
    }
  }

  /** There is nothing to give back but memory. */
  close(): void {}

  /** A question without arguments comes again and again; the module answers the same each time, because it has no clock and no chance. */
  #decided(question: Record<string, unknown>): Decision {
    const repeats = this.#remembers && Object.keys((question['arguments'] as object | undefined) ?? {}).length === 0;
    const key = repeats ? JSON.stringify(question) : '';
    const known = repeats ? this.#decisions.get(key) : undefined;
    if (known) return known;
    const decision = decisionOf(this.module.evaluate(entrypoints.decision, question), this.stamp);
    if (repeats && key.length <= longestRemembered) this.#decisions.set(key, decision);
    return decision;
  }
}

/** What most rules want to know of whoever calls. */
type Names = Pick<PolicyInput['principal'], 'agent' | 'person' | 'groups'>;

/** Whether some rule for this target looks at a field. */
function matters(field: Field, { looksAt }: ToolRules): boolean {
  return field === 'session_state' || field === 'annotations' || field === 'client' ? looksAt[field] : true;
}

function charactersIn(values: Readonly<Record<string, unknown>>): number {
  let characters = 0;
  for (const name in values) {
    const value = values[name];
    if (typeof value === 'string') characters += value.length;
  }
  return characters;
}
