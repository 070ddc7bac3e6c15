import type { Toolset } from '@customhouse/events/registry/events';
import { matches, takeApart, type PatternParts } from '@customhouse/policy-engine/pattern';

type Patterns = readonly { readonly server: PatternParts; readonly target: PatternParts }[];

/** A toolset, ready to be asked what is in it. */
export class ToolsetFilter {
  readonly #tools: Patterns;
  readonly #prompts: Patterns;
  readonly #resources: Patterns;

  constructor(readonly toolset: Toolset) {
    this.#tools = toolset.tools.map(partsOf);
    this.#prompts = toolset.prompts.map(partsOf);
    this.#resources = toolset.resources.map(partsOf);
  }

  hasTool(server: string, tool: string): boolean {
    return some(this.#tools, server, tool);
  }

  hasPrompt(server: string, prompt: string): boolean {
    return some(this.#prompts, server, prompt);
  }

  /** A resource by its own URI, a template by its own text. */
  hasResource(server: string, uri: string): boolean {
    return some(this.#resources, server, uri);
  }

  /** Whether anything of the server could be in it. */
  concerns(server: string): boolean {
    return [this.#tools, this.#prompts, this.#resources].some((patterns) => patterns.some((pattern) => matches(pattern.server, server)));
  }
}

/** Each side of the first slash is a pattern of its own, as in the rules of the policy. */
function partsOf(pattern: string): Patterns[number] {
  const slash = pattern.indexOf('/');
  return { server: takeApart(pattern.slice(0, slash)), target: takeApart(pattern.slice(slash + 1)) };
}

function some(patterns: Patterns, server: string, target: string): boolean {
  return patterns.some((pattern) => matches(pattern.server, server) && matches(pattern.target, target));
}
