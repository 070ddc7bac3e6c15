import type { z } from 'zod';

/**
 * The vocabulary for declaring an event. Every event of the system is declared once, in `<context>/events.ts`, with this
 * function; types, JSON Schema, AsyncAPI, fixtures and upcasting all hang off the declaration.
 */
export interface EventDeclaration<Type extends string = string, Schema extends z.ZodType = z.ZodType> {
  /** `<context>.<entity>.<past participle>`, for example `call.admitted`. */
  readonly type: Type;
  /** Integer, from 1. A new shape is a new version with an upcaster and a fixture; a new meaning is a new type. */
  readonly version: number;
  readonly topic: Topic;
  /** Shape of `data` in the current version. */
  readonly schema: Schema;
  /** One sentence for people: what happened. */
  readonly summary: string;
  /** `upcasters[n]` turns the data of version n into the data of version n + 1. */
  readonly upcasters: Readonly<Record<number, (data: unknown) => unknown>>;
}

export type EventData<D> = D extends EventDeclaration<string, infer Schema> ? z.infer<Schema> : never;

/** Topics of facts: append only, chained per source. */
export const eventTopics = [
  'customhouse.calls',
  'customhouse.registry',
  'customhouse.policy',
  'customhouse.findings',
  'customhouse.approvals',
  'customhouse.sources',
  'customhouse.audit.ocsf',
  'customhouse.audit.checkpoints',
] as const;

/** Compacted topics: the last record of a key is its present state, a null value removes it. Not chained. */
export const stateTopics = [
  'customhouse.state.catalog',
  'customhouse.state.directory',
  'customhouse.state.policy',
  'customhouse.state.credentials',
  'customhouse.state.approvals',
  'customhouse.state.keys',
] as const;

export type EventTopic = (typeof eventTopics)[number];
export type StateTopic = (typeof stateTopics)[number];
export type Topic = EventTopic | StateTopic;

export function defineEvent<const Type extends string, Schema extends z.ZodType>(declaration: {
  type: Type;
  version: number;
  topic: Topic;
  schema: Schema;
  summary: string;
  upcasters?: Record<number, (data: unknown) => unknown>;
}): EventDeclaration<Type, Schema> {
  return { upcasters: {}, ...declaration };
}

/** `call.admitted` in version 1 travels as `customhouse.call.admitted.v1`. */
export function wireType(declaration: { type: string; version: number }): string {
  return `customhouse.${declaration.type}.v${declaration.version}`;
}

/** Reads a wire type back. Returns undefined for anything that is not ours. */
export function parseWireType(wire: string): { type: string; version: number } | undefined {
  const match = /^customhouse\.([a-z]+(?:\.[a-z]+)+)\.v([1-9][0-9]*)$/.exec(wire);
  return match ? { type: match[1]!, version: Number(match[2]) } : undefined;
}
