import { describe, expect, it } from '@jest/globals';
import { acceptedBy, bearerToken, hostName, isJsonContent, isLoopbackName, originHost, traceParent } from './headers.js';

describe('what a client accepts', () => {
  it.each([
    [undefined, true, true, false],
    ['application/json, text/event-stream', true, true, false],
    ['application/json;q=1, text/event-stream', true, true, false],
    ['text/event-stream, application/json', true, true, true],
    ['text/event-stream;q=0.5, application/json', true, true, false],
    ['application/json', true, false, false],
    ['APPLICATION/JSON;q=0.9', true, false, false],
    ['text/event-stream', false, true, false],
    ['*/*', true, true, false],
    ['text/html', false, false, false],
    ['application/json;q=0, text/event-stream', false, true, false],
    ['', false, false, false],
  ])('%s: json %s, stream %s, the stream first %s', (accept, json, stream, streamFirst) => {
    expect(acceptedBy(accept)).toEqual({ json, stream, streamFirst });
  });
});

describe('the content type of a message', () => {
  it.each([
    ['application/json', true],
    ['application/json; charset=utf-8', true],
    ['Application/JSON; charset="UTF-8"', true],
    ['application/json; charset=latin1', false],
    ['text/plain', false],
    ['application/json-patch+json', false],
    [undefined, false],
  ])('%s: %s', (type, expected) => {
    expect(isJsonContent(type)).toBe(expected);
  });
});

describe('hosts and origins', () => {
  it.each([
    ['localhost:8400', 'localhost'],
    ['LOCALHOST', 'localhost'],
    ['127.0.0.1:1', '127.0.0.1'],
    ['[::1]:8400', '[::1]'],
    ['gateway.example', 'gateway.example'],
    ['a b', undefined],
    ['evil.example/localhost', undefined],
    ['localhost:8400@evil.example', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('the host of %s is %s', (host, expected) => {
    expect(hostName(host)).toBe(expected);
  });

  it.each([
    ['http://localhost:3000', 'localhost'],
    ['https://console.example', 'console.example'],
    ['null', undefined],
    ['file://', undefined],
    ['http://evil.example/?localhost', undefined],
  ])('the host of the origin %s is %s', (origin, expected) => {
    expect(originHost(origin)).toBe(expected);
  });

  it.each([
    ['localhost', true],
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['[::1]', true],
    ['localhost.evil.example', false],
    ['127.0.0.1.evil.example', false],
    ['0.0.0.0', false],
  ])('%s is loopback: %s', (host, expected) => {
    expect(isLoopbackName(host)).toBe(expected);
  });
});

describe('the bearer token', () => {
  it.each([
    ['Bearer abc.def-_~+/=', 'abc.def-_~+/='],
    ['bearer  abc ', 'abc'],
    ['Basic abc', undefined],
    ['Bearer', undefined],
    ['Bearer a b', undefined],
    ['Bearer ä', undefined],
  ])('of %s is %s', (header, expected) => {
    expect(bearerToken(header)).toBe(expected);
  });
});

describe('a traceparent', () => {
  it.each([
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true],
    ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', false],
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', false],
    ['01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', false],
    ['free text', false],
    [7, false],
  ])('%s is passed on: %s', (value, expected) => {
    expect(traceParent(value)).toBe(expected ? value : undefined);
  });
});
