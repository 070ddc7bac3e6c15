import { describe, expect, it } from '@jest/globals';
import type { ApiKey } from '@customhouse/events/registry/events';
import { generateKey, type GeneratedKey } from './api-key.js';
import { FollowedKeyDirectory } from './followed-key-directory.js';

const now = Date.parse('2026-11-22T12:00:00.000Z');

function published(generated: GeneratedKey, changes: Partial<ApiKey> = {}): ApiKey {
  return {
    id: generated.id,
    hash: generated.hash,
    tenant: 'default',
    agent: 'claude',
    person: 'alice',
    groups: [],
    roles: ['agent'],
    created: '2026-11-01T00:00:00.000Z',
    expires: null,
    revoked: false,
    ...changes,
  };
}

function directoryWith(...keys: ApiKey[]): FollowedKeyDirectory {
  const directory = new FollowedKeyDirectory();
  for (const key of keys) directory.apply(`key/${key.id}`, key);
  directory.markReady();
  return directory;
}

describe('the key directory', () => {
  it('finds the key that was presented', () => {
    const key = generateKey();
    const entry = published(key);
    expect(directoryWith(entry).authenticate(key.presented, now)).toEqual({ ok: true, key: entry });
  });

  it('authenticates nobody before it has read its topic to the end', () => {
    const key = generateKey();
    const directory = new FollowedKeyDirectory();
    directory.apply(`key/${key.id}`, published(key));
    expect(directory.ready).toBe(false);
    expect(directory.authenticate(key.presented, now)).toEqual({ ok: false, problem: 'unknown' });
    expect(directory.standing(key.id, now)).toBe('unknown');
  });

  it('refuses the right id with another secret', () => {
    const key = generateKey();
    const forged = `chk_${key.id}_${generateKey().presented.slice(21)}`;
    expect(directoryWith(published(key)).authenticate(forged, now)).toEqual({ ok: false, problem: 'unknown' });
  });

  it('does not tell a stranger that a key is revoked or has expired', () => {
    const key = generateKey();
    const forged = `chk_${key.id}_${generateKey().presented.slice(21)}`;
    expect(directoryWith(published(key, { revoked: true, expires: '2026-01-01T00:00:00.000Z' })).authenticate(forged, now)).toEqual({ ok: false, problem: 'unknown' });
  });

  it('refuses a key from the millisecond of its expiry on', () => {
    const key = generateKey();
    const directory = directoryWith(published(key, { expires: '2026-11-22T12:00:00.000Z' }));
    expect(directory.authenticate(key.presented, now - 1).ok).toBe(true);
    expect(directory.authenticate(key.presented, now)).toEqual({ ok: false, problem: 'expired' });
    expect(directory.standing(key.id, now - 1)).toBe('valid');
    expect(directory.standing(key.id, now)).toBe('expired');
  });

  it('refuses a key whose expiry cannot be read', () => {
    const key = generateKey();
    expect(directoryWith(published(key, { expires: 'never' })).authenticate(key.presented, now)).toEqual({ ok: false, problem: 'expired' });
  });

  it('refuses a key as soon as its revocation or removal has been followed, though it was used before', () => {
    const key = generateKey();
    const directory = directoryWith(published(key));
    expect(directory.authenticate(key.presented, now).ok).toBe(true);
    directory.apply(`key/${key.id}`, published(key, { revoked: true }));
    expect(directory.authenticate(key.presented, now)).toEqual({ ok: false, problem: 'revoked' });
    expect(directory.standing(key.id, now)).toBe('revoked');
    directory.apply(`key/${key.id}`, null);
    expect(directory.authenticate(key.presented, now)).toEqual({ ok: false, problem: 'unknown' });
  });

  it.each(['', 'Bearer', 'chk_', 'chk_0123456789abcdef_short'])('calls %j malformed', (presented) => {
    expect(directoryWith().authenticate(presented, now)).toEqual({ ok: false, problem: 'malformed' });
  });

  it('leaves records under other keys of its topic alone', () => {
    const key = generateKey();
    const directory = directoryWith();
    directory.apply(`person/${key.id}`, published(key));
    expect(directory.size).toBe(0);
  });
});
