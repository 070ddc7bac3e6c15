import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { SEALER } from '@customhouse/nest/tokens';
import type { Sealer } from '@customhouse/sealing/sealer';

/**
 * Small facts that are given away and come back unchanged, because they carry a MAC under the key of the installation: every
 * replica can check them, and nobody else can make one. What is in them can be read by whoever has them.
 */
@Injectable()
export class Tokens {
  constructor(@Inject(SEALER) private readonly sealer: Sealer) {}

  /** `purpose` tells kinds of tokens apart: one kind is never taken for another. `lifetime_s` from now. */
  make(purpose: string, data: object, lifetime_s: number): string {
    const text = Buffer.from(JSON.stringify({ until: Date.now() + lifetime_s * 1_000, data })).toString('base64url');
    return `${text}.${this.mac(purpose, text)}`;
  }

  /** What is in it; undefined when it is not ours, of another kind, or too old. */
  read<T extends object>(purpose: string, token: string | undefined): T | undefined {
    const [, text, mac] = /^([A-Za-z0-9_-]{1,3800})\.([A-Za-z0-9_-]{43})$/.exec(token ?? '') ?? [];
    if (text === undefined || mac === undefined || !same(mac, this.mac(purpose, text))) return undefined;
    const { until, data } = JSON.parse(Buffer.from(text, 'base64url').toString()) as { until: number; data: T };
    return Date.now() < until ? data : undefined;
  }

  /** The digests of arguments and of held calls are over JSON, which never begins like this. */
  private mac(purpose: string, text: string): string {
    return this.sealer.digest(`customhouse.approval.token.v1 ${purpose} ${text}`);
  }
}

/** Compares texts in a time that does not depend on where they differ. */
export function same(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
