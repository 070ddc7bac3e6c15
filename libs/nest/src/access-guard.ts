import { createHash, timingSafeEqual } from 'node:crypto';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { KeyDirectory } from '@customhouse/identity/key-directory';
import { forbidden, unauthenticated, unavailable } from '@customhouse/http-contract/problem';
import { accessMetadata, type AccessRule, type CallerIdentity, type IdentifiedRequest } from './access.js';
import { ProblemError } from './problem.js';

const hints = {
  malformed: 'the key is not of the form chk_…; was it copied whole?',
  unknown: 'the key is not known here',
  expired: 'the key has expired; ask an operator for a new one',
  revoked: 'the key was revoked; ask an operator for a new one',
} as const;

/** Lets a request through to a handler whose roles its key has. A handler that says nothing about access is closed to everybody. */
export class AccessGuard implements CanActivate {
  private readonly reflector = new Reflector();

  constructor(private readonly options: { readonly keys: KeyDirectory; readonly tenant: string; readonly bootstrapKey?: string; readonly now?: () => number }) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const rule = this.reflector.getAllAndOverride<AccessRule | undefined>(accessMetadata, [context.getHandler(), context.getClass()]);
    if (rule === 'public') return true;
    if (rule === undefined) throw new ProblemError(forbidden, 'nobody may use this');
    const request = context.switchToHttp().getRequest<IdentifiedRequest>();
    const caller = this.identify(request.headers.authorization);
    if (rule.length > 0 && !rule.some((role) => caller.roles.includes(role))) {
      throw new ProblemError(forbidden, `this needs the role ${rule.join(' or ')}; the key ${caller.key} has ${caller.roles.join(', ')}`);
    }
    request.caller = caller;
    return true;
  }

  private identify(header: string | string[] | undefined): CallerIdentity {
    const presented = typeof header === 'string' ? /^Bearer ([\x21-\x7e]{1,200})$/i.exec(header)?.[1] : undefined;
    if (presented === undefined) throw new ProblemError(unauthenticated, header === undefined ? 'no Authorization header' : 'the Authorization header is not "Bearer <key>"');
    if (this.isBootstrapKey(presented)) return bootstrapOperator(this.options.tenant);
    if (!this.options.keys.ready) throw new ProblemError(unavailable, 'the keys are still being read');
    const verdict = this.options.keys.authenticate(presented, (this.options.now ?? Date.now)());
    if (!verdict.ok) throw new ProblemError(unauthenticated, hints[verdict.problem]);
    const { tenant, agent, person, groups, roles, id } = verdict.key;
    return { tenant, agent, person, groups, roles, key: id };
  }

  private isBootstrapKey(presented: string): boolean {
    const { bootstrapKey } = this.options;
    return bootstrapKey !== undefined && timingSafeEqual(sha256(presented), sha256(bootstrapKey));
  }
}

function bootstrapOperator(tenant: string): CallerIdentity {
  return { tenant, agent: 'bootstrap', person: 'bootstrap-operator', groups: [], roles: ['operator', 'approver', 'auditor'], key: 'bootstrap' };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
