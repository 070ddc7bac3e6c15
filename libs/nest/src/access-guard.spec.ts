import { describe, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import type { ApiKey, Role } from '@customhouse/events/registry/events';
import type { KeyDirectory, KeyVerdict } from '@customhouse/identity/key-directory';
import { Public, Roles, type IdentifiedRequest } from './access.js';
import { AccessGuard } from './access-guard.js';
import { ProblemError } from './problem.js';

const bootstrapKey = 'bootstrap-'.padEnd(40, 'x');

function keys(verdict: KeyVerdict | Role[], ready = true): KeyDirectory {
  const key: ApiKey = {
    id: 'k1',
    hash: '',
    tenant: 'default',
    agent: 'console',
    person: 'alice',
    groups: ['ops'],
    roles: Array.isArray(verdict) ? verdict : ['agent'],
    created: '',
    expires: null,
    revoked: false,
  };
  return { ready, authenticate: () => (Array.isArray(verdict) ? { ok: true, key } : verdict), standing: () => 'valid' };
}

class Handlers {
  @Public() open(): void {}
  @Roles('operator', 'auditor') guarded(): void {}
  @Roles() anybody(): void {}
  silent(): void {}
}

function attempt(handler: keyof Handlers, authorization: string | undefined, directory: KeyDirectory, options: { bootstrapKey?: string } = {}): IdentifiedRequest {
  const request: IdentifiedRequest = { headers: { authorization } };
  const context = {
    getType: () => 'http',
    getHandler: () => Handlers.prototype[handler],
    getClass: () => Handlers,
    switchToHttp: () => ({ getRequest: () => request }),
  } as unknown as ExecutionContext;
  new AccessGuard({ keys: directory, tenant: 'default', ...options }).canActivate(context);
  return request;
}

function refusal(...args: Parameters<typeof attempt>): { status: number; code: string; detail: string } {
  try {
    attempt(...args);
  } catch (error) {
    if (error instanceof ProblemError) return error.body;
    throw error;
  }
  throw new Error('it was let through');
}

describe('the control API', () => {
  it('lets a key with one of the roles through and tells the handler who calls', () => {
    expect(attempt('guarded', 'Bearer chk_x', keys(['approver', 'auditor'])).caller).toEqual({
      tenant: 'default',
      agent: 'console',
      person: 'alice',
      groups: ['ops'],
      roles: ['approver', 'auditor'],
      key: 'k1',
    });
    expect(attempt('anybody', 'bearer chk_x', keys(['agent'])).caller?.person).toBe('alice');
    expect(attempt('open', undefined, keys([])).caller).toBeUndefined();
  });

  it.each<[string, Parameters<typeof attempt>, number, string]>([
    ['no key', ['guarded', undefined, keys(['operator'])], 401, 'no Authorization header'],
    ['another scheme', ['guarded', 'Basic abc', keys(['operator'])], 401, 'is not "Bearer <key>"'],
    ['two words', ['guarded', 'Bearer a b', keys(['operator'])], 401, 'is not "Bearer <key>"'],
    ['an endless key', ['guarded', `Bearer ${'x'.repeat(201)}`, keys(['operator'])], 401, 'is not "Bearer <key>"'],
    ['an unknown key', ['guarded', 'Bearer x', keys({ ok: false, problem: 'unknown' })], 401, 'not known here'],
    ['an expired key', ['guarded', 'Bearer x', keys({ ok: false, problem: 'expired' })], 401, 'has expired'],
    ['a revoked key', ['guarded', 'Bearer x', keys({ ok: false, problem: 'revoked' })], 401, 'was revoked'],
    ['a key without the role', ['guarded', 'Bearer x', keys(['agent'])], 403, 'needs the role operator or auditor; the key k1 has agent'],
    ['a handler that says nothing about access', ['silent', 'Bearer x', keys(['operator', 'auditor', 'approver'])], 403, 'nobody may use this'],
    ['keys that are still being read', ['guarded', 'Bearer x', keys(['operator'], false)], 503, 'still being read'],
  ])('refuses %s', (_, args, status, detail) => {
    const problem = refusal(...args);
    expect(problem.status).toBe(status);
    expect(problem.detail).toContain(detail);
  });

  it('never repeats a presented secret', () => {
    expect(JSON.stringify(refusal('guarded', 'Bearer chk_very-secret', keys({ ok: false, problem: 'malformed' })))).not.toContain('very-secret');
  });

  it('accepts the bootstrap key while it is set, also before the keys are read, and nothing like it', () => {
    expect(attempt('guarded', `Bearer ${bootstrapKey}`, keys({ ok: false, problem: 'unknown' }, false), { bootstrapKey }).caller).toMatchObject({
      person: 'bootstrap-operator',
      roles: ['operator', 'approver', 'auditor'],
    });
    expect(refusal('guarded', `Bearer ${bootstrapKey.slice(1)}`, keys({ ok: false, problem: 'unknown' }), { bootstrapKey }).status).toBe(401);
    expect(refusal('guarded', `Bearer ${bootstrapKey}`, keys({ ok: false, problem: 'unknown' })).status).toBe(401);
  });

  it('asks no key of an event handler', () => {
    const context = { getType: () => 'rpc' } as unknown as ExecutionContext;
    expect(new AccessGuard({ keys: keys([]), tenant: 'default' }).canActivate(context)).toBe(true);
  });
});
