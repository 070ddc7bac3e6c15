import { describe, expect, it } from '@jest/globals';
import { ada, session } from '../../../test/support/fakes.js';
import { everything } from '../../state/endpoint.js';
import { callerOf } from '../caller.js';
import { Sessions } from './sessions.js';

const key = Buffer.alloc(32, 7);
const hour = 3_600_000;
const bob = callerOf({ ...ada.principal, person: 'bob@example.com' });

describe('a session id', () => {
  it('is the whole session: another replica with the same key opens it', () => {
    const id = new Sessions(key, hour).seal(session, ada);
    expect(new Sessions(key, hour).open(id, ada, everything, 1)).toEqual(session);
  });

  it('is visible ASCII, and short enough for a header', () => {
    const long = { ...session, client: { name: 'n'.repeat(128), version: 'v'.repeat(64) }, capabilities: { x: 'y'.repeat(2_000) } };
    const id = new Sessions(key, hour).seal(long, ada);
    expect(id).toMatch(/^[\x21-\x7e]+$/);
    expect(id.length).toBeLessThan(4_096);
  });

  it('shows nothing of what it holds', () => {
    const id = new Sessions(key, hour).seal({ ...session, client: { name: 'very-visible-name', version: '1' } }, ada);
    expect(Buffer.from(id, 'base64url').toString('latin1')).not.toContain('very-visible-name');
  });

  it('counts for whoever opened it, with any credential of theirs', () => {
    const sessions = new Sessions(key, hour);
    const id = sessions.seal(session, ada);
    const otherKey = callerOf({ ...ada.principal, credential: { kind: 'key', id: 'k2' } });
    expect(sessions.open(id, otherKey, everything, 1)).toEqual(session);
    expect(sessions.open(id, bob, everything, 1)).toBeUndefined();
    expect(new Sessions(key, hour).open(id, bob, everything, 1)).toBeUndefined();
  });

  it('counts at its own endpoint only', () => {
    const sessions = new Sessions(key, hour);
    const id = sessions.seal(session, ada);
    expect(sessions.open(id, ada, { server: 'files', toolset: null }, 1)).toBeUndefined();
    const through = sessions.seal({ ...session, server: 'files' }, ada);
    expect(sessions.open(through, ada, { server: 'files', toolset: null }, 1)?.server).toBe('files');
    expect(sessions.open(through, ada, everything, 1)).toBeUndefined();
  });

  it('ends after its time', () => {
    const sessions = new Sessions(key, hour);
    const id = sessions.seal(session, ada);
    expect(sessions.open(id, ada, everything, hour)).toBeDefined();
    expect(sessions.open(id, ada, everything, hour + 1)).toBeUndefined();
  });

  it('ends when it is ended', () => {
    const sessions = new Sessions(key, hour);
    const id = sessions.seal(session, ada);
    sessions.end(sessions.open(id, ada, everything, 1)!);
    expect(sessions.open(id, ada, everything, 1)).toBeUndefined();
  });

  it('is unknown when anything about it was changed, or it was made with another key', () => {
    const id = new Sessions(key, hour).seal(session, ada);
    const bytes = Buffer.from(id, 'base64url');
    for (let index = 0; index < bytes.length; index += 1) {
      const altered = Buffer.from(bytes);
      altered[index]! ^= 1;
      expect(new Sessions(key, hour).open(altered.toString('base64url'), ada, everything, 1)).toBeUndefined();
    }
    expect(new Sessions(Buffer.alloc(32, 8), hour).open(id, ada, everything, 1)).toBeUndefined();
  });

  it.each([[''], ['x'], ['../../etc/passwd'], ['A'.repeat(10_000)], ['AQ'.repeat(40)]])('"%s" is unknown', (id) => {
    expect(new Sessions(key, hour).open(id, ada, everything, 1)).toBeUndefined();
  });
});
