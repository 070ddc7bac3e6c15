import { describe, expect, it } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { verifySlack } from './signature.js';

// The example of Slack's documentation.
const secret = '8f742231b10e8888abcd99yyyzzz85a5';
const timestamp = '1531420618';
const body =
  'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
const signature = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503';
const now = Number(timestamp) * 1_000;
const verify = (changes: { body?: string; timestamp?: unknown; signature?: unknown; secret?: string; now?: number } = {}) => {
  const { body: text = body, secret: key = secret, now: at = now, ...rest } = changes;
  return verifySlack(key, { timestamp, signature, ...rest, body: Buffer.from(text) }, at);
};
const signed = (text: string, time: string): string => `v0=${createHmac('sha256', secret).update(`v0:${time}:${text}`).digest('hex')}`;

describe('a request from Slack', () => {
  it('is known by its signature', () => expect(verify()).toBe('valid'));

  it.each([
    ['another body', { body: `${body}&x=1` }, 'wrong'],
    ['another secret', { secret: 'another' }, 'wrong'],
    ['another time', { timestamp: '1531420619' }, 'wrong'],
    ['another signature', { signature: `v0=${'0'.repeat(64)}` }, 'wrong'],
    ['no signature', { signature: undefined }, 'malformed'],
    ['two signatures', { signature: [signature, signature] }, 'malformed'],
    ['another version of the signature', { signature: signature.replace('v0', 'v1') }, 'malformed'],
    ['no time', { timestamp: undefined }, 'malformed'],
    ['a time that is none', { timestamp: '1531420618.5' }, 'malformed'],
  ])('with %s is refused', (_, changes, verdict) => expect(verify(changes)).toBe(verdict));

  it('is refused when it is more than five minutes old, or from the future', () => {
    expect(verify({ now: now + 300_000 })).toBe('valid');
    expect(verify({ now: now + 301_000 })).toBe('too-old');
    expect(verify({ now: now - 301_000 })).toBe('too-old');
    const later = '1531999999';
    expect(verify({ timestamp: later, signature: signed(body, later) })).toBe('too-old');
  });
});
