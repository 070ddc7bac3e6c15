import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { aborted, admitted, call, completed, denied, dispatched, failed, held, lost, refused } from '../../test/support/facts.js';
import type { CallFact } from './call-fact.js';
import { evolve, initial } from './call-record.js';
import { toOcsf } from './ocsf.js';

/** What OCSF 1.9.0 demands of an API Activity: an excerpt, with the constraints of its objects. */
interface Excerpt {
  readonly required: readonly string[];
  readonly objects: Readonly<Record<string, { readonly required?: readonly string[]; readonly at_least_one?: readonly string[] }>>;
  readonly enums: Readonly<Record<string, readonly number[]>>;
  readonly attributes: readonly string[];
}
const excerpt = JSON.parse(readFileSync(new URL('../../test/support/ocsf-1.9.0-api-activity.json', import.meta.url), 'utf8')) as Excerpt;

function last(...facts: CallFact[]) {
  const record = facts.reduce(evolve, initial(call));
  return JSON.parse(JSON.stringify(toOcsf(record, facts.at(-1)!) ?? null)) as Record<string, any> | null;
}

const histories: [string, CallFact[]][] = [
  ['refused', [refused('a')]],
  ['held', [held('a')]],
  ['denied', [held('a'), denied('b')]],
  ['completed', [admitted('a'), completed('b')]],
  ['completed with an error of the tool', [admitted('a'), completed('b', {}, { error: true })]],
  ['dispatched and completed', [held('a'), dispatched('b'), completed('c')]],
  ['failed', [admitted('a'), failed('b')]],
  ['lost', [admitted('a'), lost('b')]],
  ['aborted', [admitted('a'), aborted('b')]],
  ['aborted without an intent', [aborted('a')]],
];

function faults(value: Record<string, any>): string[] {
  const found = excerpt.required.filter((name) => value[name] === undefined).map((name) => `${name} is missing`);
  found.push(
    ...Object.keys(value)
      .filter((name) => !excerpt.attributes.includes(name))
      .map((name) => `${name} is no attribute of the class`),
  );
  for (const [path, demands] of Object.entries(excerpt.objects)) {
    for (const object of [at(value, path)].flat()) {
      if (object === undefined) continue;
      found.push(...(demands.required ?? []).filter((name) => object[name] === undefined).map((name) => `${path}.${name} is missing`));
      if (demands.at_least_one && !demands.at_least_one.some((name) => object[name] !== undefined)) found.push(`${path} has none of ${demands.at_least_one.join(', ')}`);
    }
  }
  for (const [name, allowed] of Object.entries(excerpt.enums)) if (value[name] !== undefined && !allowed.includes(value[name] as number)) found.push(`${name} is ${value[name]}`);
  return found;
}

function at(value: Record<string, any>, path: string): any {
  return path.split('.').reduce<any>((inner, name) => inner?.[name], value);
}

describe('the OCSF record', () => {
  it.each([
    ['tools/call', 'transfer_money', 'tool', 'claude for alice@example.com: bank/transfer_money completed'],
    ['prompts/get', 'greet', 'prompt', 'claude for alice@example.com: prompts/get bank/greet completed'],
    ['resources/read', 'file:///a', 'resource', 'claude for alice@example.com: resources/read bank/file:///a completed'],
    ['elicitation/create', 'transfer_money', 'target', 'claude for alice@example.com: elicitation/create bank/transfer_money completed'],
  ])('of %s names %s as a %s', (method, tool, type, message) => {
    const intent = admitted('a');
    Object.assign(intent.data, { method, tool, during: type === 'target' ? '01KCCCCCCCCCCCCCCCCCCCCCCC' : undefined });
    const record = last(intent, completed('b'))!;
    expect(record).toMatchObject({ message, api: { operation: method }, resources: [{ name: tool, type, namespace: 'bank' }] });
    expect(record['unmapped'].customhouse.during).toBe(type === 'target' ? '01KCCCCCCCCCCCCCCCCCCCCCCC' : null);
    expect(faults(record)).toEqual([]);
  });

  it.each(histories)('of a call that was %s has what the class demands', (_, history) => {
    expect(faults(last(...history)!)).toEqual([]);
  });

  it('would be found wanting if it were', () => {
    const { actor: _, ...rest } = last(refused('a'))!;
    expect(faults({ ...rest, api: {}, status_id: 77, colour: 'red' })).toEqual([
      'actor is missing',
      'colour is no attribute of the class',
      'api.operation is missing',
      'status_id is 77',
    ]);
  });

  it.each<[string, CallFact[], Record<string, unknown>]>([
    ['refused', [refused('a')], { action_id: 2, disposition_id: 2, status_id: 2, is_alert: true, severity_id: 3, status_detail: 'the vault stays closed' }],
    ['held', [held('a')], { action_id: 99, disposition_id: 14, status_id: 99, is_alert: false, status_detail: 'Money leaves the house.' }],
    ['denied', [held('a'), denied('b')], { action_id: 2, disposition_id: 25, status_id: 2, is_alert: true }],
    ['completed', [admitted('a'), completed('b')], { action_id: 1, disposition_id: 1, status_id: 1, duration: 1_500 }],
    ['completed with an error of the tool', [admitted('a'), completed('b', {}, { error: true })], { action_id: 1, status_id: 2 }],
    ['lost', [admitted('a'), lost('b')], { status_id: 0, severity_id: 3 }],
  ])('of a call that was %s says so', (_, history, expected) => {
    expect(last(...history)).toMatchObject(expected);
  });

  it('names agent and person, server and tool, policy and rules', () => {
    expect(last(refused('a'))).toMatchObject({
      class_uid: 6003,
      type_uid: 600_399,
      activity_name: 'Invoke',
      api: { operation: 'tools/call', service: { name: 'bank' } },
      actor: { app_name: 'claude', user: { name: 'alice@example.com' } },
      resources: [{ name: 'transfer_money', type: 'tool' }],
      policy: { version: '4', uid: 'policy-4', desc: 'money-moves' },
      src_endpoint: { ip: '10.1.2.3' },
      metadata: { version: '1.9.0', uid: 'a', correlation_uid: call },
    });
  });

  it('has nothing of what was sealed', () => {
    expect(JSON.stringify(last(admitted('a'), completed('b')))).not.toContain('c2VhbGVk');
  });

  it('is not made for an admission or a dispatch, which are no news', () => {
    expect([last(admitted('a')), last(held('a'), dispatched('b'))]).toEqual([null, null]);
  });

  it('is the same for the same history', () => {
    expect(last(admitted('a'), completed('b'))).toEqual(last(admitted('a'), completed('b')));
  });
});
