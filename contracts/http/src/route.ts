import type { Role } from '@customhouse/events/registry/events';
import type { z } from 'zod';
import type { ProblemKind } from './problem.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** An answer that is not one JSON document: JSON Lines, server-sent events. `of` is the shape of each line or event. */
export interface Stream<Item extends z.ZodType = z.ZodType> {
  readonly media: 'application/jsonl' | 'text/event-stream';
  readonly of: Item;
}

/**
 * One operation of a control API, declared once. Controllers take path and schemas from it, the command line its types, and the
 * OpenAPI document is made of it. A service's file holds them in one table: `export const auditRoutes = { search: defineRoute({…}) }`.
 */
export interface Route<
  Params extends z.ZodObject | undefined = z.ZodObject | undefined,
  Query extends z.ZodObject | undefined = z.ZodObject | undefined,
  Body extends z.ZodType | undefined = z.ZodType | undefined,
  Response extends z.ZodType | Stream | undefined = z.ZodType | Stream | undefined,
> {
  readonly method: Method;
  /** As Nest and Fastify write it: `/v1/calls/:call`. */
  readonly path: `/v1/${string}`;
  /** One sentence in the imperative: "Search calls." */
  readonly summary: string;
  /** More, where one sentence does not do: paging, order, limits. */
  readonly description?: string;
  /** The caller's key must have one of these; an empty list is any valid key; `public` needs none. */
  readonly roles: readonly Role[] | 'public';
  /** One schema for each `:name` of the path; values arrive as text. */
  readonly params?: Params;
  /** Values arrive as text: use `z.coerce`. */
  readonly query?: Query;
  readonly body?: Body;
  /** Absent: 204 without a body. */
  readonly response?: Response;
  /** Default: 200 with a response, 204 without. */
  readonly status?: number;
  /** The problems of its own, beside those that any route may answer (problem.ts). */
  readonly errors: readonly ProblemKind[];
}

export type RouteTable = Readonly<Record<string, Route>>;

export function defineRoute<
  Params extends z.ZodObject | undefined = undefined,
  Query extends z.ZodObject | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
  Response extends z.ZodType | Stream | undefined = undefined,
>(route: Route<Params, Query, Body, Response>): Route<Params, Query, Body, Response> {
  return route;
}

/** What the handler gets, after parsing. */
export type ParamsOf<R extends Route> = R extends Route<infer S, infer _Q, infer _B, infer _A> ? (S extends z.ZodObject ? z.output<S> : undefined) : never;
export type QueryOf<R extends Route> = R extends Route<infer _P, infer S, infer _B, infer _A> ? (S extends z.ZodObject ? z.output<S> : undefined) : never;
export type BodyOf<R extends Route> = R extends Route<infer _P, infer _Q, infer S, infer _A> ? (S extends z.ZodType ? z.output<S> : undefined) : never;
/** What a client gets: the document, or one item of a stream. */
export type ResponseOf<R extends Route> =
  R extends Route<infer _P, infer _Q, infer _B, infer S> ? (S extends Stream<infer Item> ? z.output<Item> : S extends z.ZodType ? z.output<S> : undefined) : never;

/** The status of a success. */
export function successStatus(route: Route): number {
  return route.status ?? (route.response ? 200 : 204);
}

export function isStream(response: z.ZodType | Stream | undefined): response is Stream {
  return response !== undefined && 'media' in response;
}

/** The names in `/v1/tools/:server/:tool`, in order. */
export function pathParameters(path: string): string[] {
  return [...path.matchAll(/:([a-z_]+)/g)].map((match) => match[1]!);
}

/** The path with its parameters filled in, each percent-encoded. For clients. */
export function fillPath(route: Route, params: Readonly<Record<string, string>> = {}): string {
  return route.path.replaceAll(/:([a-z_]+)/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined || value === '') throw new TypeError(`${route.method} ${route.path} needs the path parameter "${name}"`);
    return encodeURIComponent(value);
  });
}
