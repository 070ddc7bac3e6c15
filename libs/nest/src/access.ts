import { createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { Role } from '@customhouse/events/registry/events';

/** Who calls the control API. */
export interface CallerIdentity {
  readonly tenant: string;
  readonly agent: string;
  readonly person: string;
  readonly groups: readonly string[];
  readonly roles: readonly Role[];
  /** Id of the key; the key itself is known to nobody. */
  readonly key: string;
}

export const accessMetadata = 'customhouse.access';
/** Roles of which the caller needs one; none named is any valid key. `public` needs no key. */
export type AccessRule = readonly Role[] | 'public';

/** The caller's key must have one of these roles. A handler without `@Roles`, `@Public` or `@Handle` is refused to everybody. */
export const Roles = (...roles: Role[]): MethodDecorator & ClassDecorator => SetMetadata(accessMetadata, roles satisfies AccessRule);
/** Served without a key. */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(accessMetadata, 'public' satisfies AccessRule);

/** The request as the guard leaves it. */
export interface IdentifiedRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  caller?: CallerIdentity;
}

/** The caller, as a parameter of a handler that is not public. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): CallerIdentity => {
  const { caller } = context.switchToHttp().getRequest<IdentifiedRequest>();
  if (!caller) throw new Error('a public handler has no caller');
  return caller;
});
