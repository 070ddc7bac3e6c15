import { describe, expect, it } from '@jest/globals';
import { detectorInspector } from './inspector.js';

const inspector = detectorInspector();
// Put together here, so that no scanner of repositories takes it for one.
const token = ['ghp', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'].join('_');

describe('the detectors in line', () => {
  it('find a credential in arguments', () => {
    expect(inspector.inspectArguments({ text: `use ${token}` }).map((finding) => finding.rule)).toEqual(['credential']);
  });

  it('leave a harmless result as it is, the same object', () => {
    const result = { content: [{ type: 'text', text: 'hello' }] };
    expect(inspector.inspectResult(result)).toEqual({ value: result, findings: [] });
    expect(inspector.inspectResult(result).value).toBe(result);
  });

  it('take a credential out of a result and say so', () => {
    const { value, findings } = inspector.inspectResult({ content: [{ type: 'text', text: `token: ${token}!` }] });
    expect(JSON.stringify(value)).not.toContain(token);
    expect(findings).toContainEqual(expect.objectContaining({ rule: 'credential' }));
    expect(JSON.stringify(findings)).not.toContain(token);
  });

  it('take a credential out of the part of a long result that is beyond what is inspected', () => {
    const { value, findings } = inspector.inspectResult({
      content: [
        { type: 'text', text: 'lorem ipsum '.repeat(200_000) },
        { type: 'text', text: token },
      ],
    });
    expect(findings).toContainEqual(expect.objectContaining({ rule: 'inspection-truncated' }));
    expect(JSON.stringify(value)).not.toContain(token);
  });
});
