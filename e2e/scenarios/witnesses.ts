import { createHash } from 'node:crypto';
import { expect } from '@jest/globals';
import { check, type Witnesses } from '../checker/check.js';
import { open } from '../checker/open.js';
import type { ToolResult, World } from './world.js';

/** What clients write down. */
export type History = { -readonly [K in keyof Witnesses['clients'][number]]: Witnesses['clients'][number][K] }[];

/** Waits until every call has its end and the audit has followed, then lets the checker compare the four witnesses. */
export async function verify(w: World, history: History): Promise<void> {
  const opener = await open(w.gateway);
  // What tells calls apart: the text they carry, or else all that they carry.
  const markerIn = (args: Record<string, unknown>): string => (typeof args['text'] === 'string' ? args['text'] : JSON.stringify(args));
  const markerOf = (sealed: unknown): string | undefined => {
    const text = opener(sealed);
    return text === '' ? undefined : markerIn(JSON.parse(text) as Record<string, unknown>);
  };
  const contentOf = (sealed: unknown): string | undefined => {
    const text = opener(sealed);
    return text === '' ? undefined : digestOf((JSON.parse(text) as ToolResult).content);
  };
  const witnesses = async (): Promise<Witnesses> => ({
    upstream: w.truth.seen.map((seen) => ({ marker: markerIn(seen.arguments), at: seen.at })),
    clients: history,
    log: await w.gateway.rawLog(),
    database: (await w.gateway.sql('select call, status from audit.calls')) as { call: string; status: string }[],
    markerOf,
    contentOf,
  });
  let violations = check(await witnesses());
  await w
    .eventually(
      'every call has one end, and the audit agrees',
      async () => {
        violations = check(await witnesses());
        return violations.length === 0;
      },
      90_000,
    )
    .catch(() => undefined);
  expect(violations).toEqual([]);
}

/** Of what a server answered; the order of members is not part of it. */
export function digestOf(content: unknown): string {
  const inOrder = (_: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
  return createHash('sha256').update(JSON.stringify(content, inOrder)).digest('hex');
}
