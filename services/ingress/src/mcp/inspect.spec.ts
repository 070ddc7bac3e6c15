import { describe, expect, it } from '@jest/globals';
import type { Finding } from '@customhouse/events/finding/finding';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { inspect, type Inspector } from './inspect.js';

const finding: Finding = { rule: 'credential', severity: 'high', location: 'result/text', message: 'contains a key' };
const blind: Inspector = { inspectArguments: () => [], inspectResult: (value) => ({ value, findings: [] }) };
const strict: Inspector = { inspectArguments: () => [], inspectResult: <V extends JsonObject>() => ({ value: { redacted: true } as unknown as V, findings: [finding] }) };

function deep(levels: number): JsonObject {
  let value: JsonObject = {};
  for (let level = 0; level < levels; level += 1) value = { a: value };
  return value;
}

describe('inspecting what a server answered', () => {
  it('passes a result on as it came, with its canonical text', () => {
    const result = { b: 1, a: { unknown: true } };
    expect(inspect({ result }, blind)).toEqual({ kind: 'completed', result, text: '{"a":{"unknown":true},"b":1}', findings: [] });
  });

  it('passes on, and records, what the detectors left of a result', () => {
    expect(inspect({ result: { secret: 'x' } }, strict)).toEqual({ kind: 'completed', result: { redacted: true }, text: '{"redacted":true}', findings: [finding] });
  });

  it('looks into errors too', () => {
    expect(inspect({ error: { code: 1, message: 'secret' } }, strict)).toMatchObject({ kind: 'error', error: { redacted: true }, findings: [finding] });
  });

  it('leaves the end of a call without an answer as it is', () => {
    const lost = { kind: 'lost', reason: 'timeout', message: 'm' } as const;
    expect(inspect(lost, strict)).toBe(lost);
  });

  it.each([
    ['a number that JavaScript cannot hold', JSON.parse('{"a":1e400}') as JsonObject],
    ['nesting without end', deep(100_000)],
  ])('does not pass on what cannot be recorded: %s', (_, result) => {
    expect(inspect({ result }, blind)).toMatchObject({ kind: 'lost', reason: 'unrecordable-answer' });
  });
});
