import { describe, expect, it } from '@jest/globals';
import { classify } from './json-rpc.js';

describe('classifying a JSON-RPC message', () => {
  it.each([
    [{ jsonrpc: '2.0', id: 1, method: 'tools/list' }, 'request'],
    [{ jsonrpc: '2.0', id: 'a', method: 'tools/call', params: {} }, 'request'],
    [{ jsonrpc: '2.0', method: 'notifications/initialized' }, 'notification'],
    [{ jsonrpc: '2.0', id: 1, result: {} }, 'result'],
    [{ jsonrpc: '2.0', id: 1, result: {}, future: true }, 'result'],
    [{ jsonrpc: '2.0', id: 1, error: { code: -32601, message: 'no' } }, 'error'],
    [{ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'unreadable' } }, 'error'],
    [{ jsonrpc: '2.0', error: { code: -32700, message: 'unreadable' } }, 'error'],
  ])('%j is a %s', (message, kind) => {
    expect(classify(message)).toBe(kind);
  });

  it.each([
    [null],
    [[]],
    ['text'],
    [{}],
    [{ id: 1, method: 'tools/list' }],
    [{ jsonrpc: '1.0', id: 1, method: 'tools/list' }],
    [{ jsonrpc: '2.0', id: null, method: 'tools/list' }],
    [{ jsonrpc: '2.0', id: 1.5, method: 'tools/list' }],
    [{ jsonrpc: '2.0', id: {}, method: 'tools/list' }],
    [{ jsonrpc: '2.0', id: 1, method: 7 }],
    [{ jsonrpc: '2.0', id: 1, method: 'tools/list', params: [] }],
    [{ jsonrpc: '2.0', id: 1, method: 'tools/list', result: {} }],
    [{ jsonrpc: '2.0', id: 1, result: {}, error: { code: 1, message: 'both' } }],
    [{ jsonrpc: '2.0', result: {} }],
    [{ jsonrpc: '2.0', id: 1, result: 'text' }],
    [{ jsonrpc: '2.0', id: 1, error: { code: 'x', message: 'no' } }],
    [{ jsonrpc: '2.0', id: 1, error: 'no' }],
    [{ jsonrpc: '2.0', id: 1 }],
  ])('%j is invalid', (message) => {
    expect(classify(message)).toBe('invalid');
  });
});
