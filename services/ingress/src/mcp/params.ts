import type { ClientMethod, GovernedMethod } from '@customhouse/policy-contract/methods';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { Failure } from './failure.js';

/** What a request is aimed at, and the rest of its parameters, `_meta` left out. */
export interface Parts {
  readonly name: string;
  readonly rest: JsonObject;
}

/** Takes the parameters of a request apart; `paramsFor` puts them together again. Throws Failure where the target is missing. */
export function partsOf(method: ClientMethod, params: JsonObject): Parts {
  switch (method) {
    case 'tools/call': {
      const args = params['arguments'] ?? {};
      if (!isJsonObject(args)) throw new Failure('invalid-params', 'the "arguments" of tools/call must be an object');
      return { name: textIn(params, 'name', method), rest: args };
    }
    case 'prompts/get': {
      const { name: _name, _meta, ...rest } = params;
      if (rest['arguments'] !== undefined && !isJsonObject(rest['arguments'])) throw new Failure('invalid-params', 'the "arguments" of prompts/get must be an object');
      return { name: textIn(params, 'name', method), rest };
    }
    case 'completion/complete': {
      const { ref, _meta, ...rest } = params;
      if (!isJsonObject(ref)) throw new Failure('invalid-params', 'completion/complete needs "ref", an object');
      const member = memberOf(ref);
      const { [member]: _name, ...restOfRef } = ref;
      return { name: textIn(ref, member, method), rest: { ref: restOfRef, ...rest } };
    }
    default: {
      const { uri: _uri, _meta, ...rest } = params;
      return { name: textIn(params, 'uri', method), rest };
    }
  }
}

/** The parameters for the server: the same with its own name for the target. */
export function paramsFor(method: ClientMethod, target: string, rest: JsonObject): JsonObject {
  switch (method) {
    case 'tools/call':
      return { name: target, arguments: rest };
    case 'prompts/get':
      return { name: target, ...rest };
    case 'completion/complete': {
      const { ref, ...others } = rest as { ref: JsonObject };
      return { ref: { ...ref, [memberOf(ref)]: target }, ...others };
    }
    default:
      return { uri: target, ...rest };
  }
}

export type TargetKind = 'tool' | 'prompt' | 'resource';

/** What a method is aimed at; of completions the reference says it. */
export function kindOf(method: GovernedMethod, rest: JsonObject): TargetKind {
  if (method === 'tools/call') return 'tool';
  if (method === 'prompts/get') return 'prompt';
  const { ref } = rest;
  return method === 'completion/complete' && isJsonObject(ref) && ref['type'] === 'ref/prompt' ? 'prompt' : 'resource';
}

function memberOf(ref: JsonObject): 'name' | 'uri' {
  switch (ref['type']) {
    case 'ref/prompt':
      return 'name';
    case 'ref/resource':
      return 'uri';
    default:
      throw new Failure('invalid-params', 'the "ref" of completion/complete has the type "ref/prompt" or "ref/resource"');
  }
}

function textIn(params: JsonObject, member: string, method: string): string {
  const value = params[member];
  if (typeof value !== 'string' || value === '') throw new Failure('invalid-params', `${method} needs "${member}", a text that is not empty`);
  return value;
}
