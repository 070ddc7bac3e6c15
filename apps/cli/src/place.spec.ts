import { describe, expect, it } from '@jest/globals';
import { mcpUrl, parsePlace } from './place.js';

describe('where the gateway is', () => {
  it('can be one address for all services', () => {
    const place = parsePlace('http://127.0.0.1:8401/', '--api');
    expect(place.api.audit).toBe('http://127.0.0.1:8401');
    expect(place.api.registry).toBe('http://127.0.0.1:8401');
    expect(place.mcp).toBeUndefined();
  });

  it('can be an address for each service', () => {
    const place = parsePlace('registry=http://h:8402, audit=https://audit.example/base/ ,ingress=http://h:8400', '--api');
    expect(place.api).toEqual({ registry: 'http://h:8402', audit: 'https://audit.example/base' });
    expect(place.mcp).toBe('http://h:8400/mcp');
  });

  it.each([
    ['ftp://h', 'is not an http(s) address'],
    ['8401', 'is not an http(s) address'],
    ['http://user:secret@h', 'holds a user name or a password'],
    ['http://h/?key=x', 'does not exist'],
    ['registry=http://h/?key', 'without "?" and "#"'],
    ['registri=http://h', 'names the service "registri", which does not exist'],
    ['registry=', 'is not an http(s) address'],
  ])('is not %s', (text, message) => {
    expect(() => parsePlace(text, '--api')).toThrow(message);
  });

  it('never repeats a password that it refuses', () => {
    expect(() => parsePlace('http://user:secret@h', '--api')).toThrow(/^(?!.*secret)/);
  });
});

describe('the address for agents', () => {
  it.each([
    ['http://h:8400', 'http://h:8400/mcp'],
    ['http://h:8400/mcp', 'http://h:8400/mcp'],
    ['https://h/servers/files/mcp', 'https://h/servers/files/mcp'],
  ])('%s is %s', (text, expected) => {
    expect(mcpUrl(text)).toBe(expected);
  });
});
