import { describe, expect, it } from '@jest/globals';
import { legacyDialect } from './dialect.js';

const worded = (reply: Parameters<typeof legacyDialect.word>[1]): unknown => {
  const { text, status } = legacyDialect.word('x', reply);
  return [status, JSON.parse(text)];
};

describe('an answer for a client of the legacy era', () => {
  it('is the result as it is', () => {
    expect(worded({ result: { content: [], future: { kept: 1 } } })).toEqual([200, { jsonrpc: '2.0', id: 'x', result: { content: [], future: { kept: 1 } } }]);
  });

  it.each([
    [-32602, -32602],
    [-32002, -32002],
    [7, 7],
    [-32020, -32603],
    [-32021, -32600],
    [-32022, -32603],
  ])('has for the code %i of a server the code %i', (code, expected) => {
    const error = { code, message: 'm', data: { requiredCapabilities: { sampling: {} } } };
    expect(worded({ error })).toEqual([200, { jsonrpc: '2.0', id: 'x', error: { ...error, code: expected } }]);
  });
});
