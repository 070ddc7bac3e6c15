import { Injectable } from '@nestjs/common';
import { directoryKeyPublished, keyIssued, keyRevoked, type ApiKey, type Role } from '@customhouse/events/registry/events';
import type { NewEvent } from '@customhouse/event-log/sink';
import type { Attributes } from '@customhouse/policy-contract/input';
import { Outbox } from '@customhouse/event-store/outbox';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { Streams } from '@customhouse/event-store/streams';
import { generateKey } from '@customhouse/identity/api-key';
import { timestamp } from '@customhouse/kernel/time';
import { toApiKey, type KeyRow } from './keys-view.js';

export interface KeyRequest {
  readonly tenant: string;
  readonly agent: string;
  readonly person: string;
  /** The person, unless given. */
  readonly owner?: string | undefined;
  readonly groups: readonly string[];
  readonly attributes: Attributes;
  readonly roles: readonly Role[];
  readonly expires: string | null;
}

/** API keys. Only a hash is kept; the key itself is in the answer to whoever issued it, and nowhere else. */
@Injectable()
export class Keys {
  private readonly streams = new Streams();
  private readonly outbox = new Outbox();

  async issue(tx: Tx, request: KeyRequest, by: string): Promise<{ readonly key: ApiKey; readonly presented: string }> {
    const { id, hash, presented } = generateKey();
    const key: ApiKey = {
      ...request,
      owner: request.owner ?? request.person,
      id,
      hash,
      groups: [...request.groups],
      roles: [...new Set(request.roles)],
      created: timestamp(Date.now()),
      revoked: false,
    };
    const subject = `key-${id}`;
    await this.streams.append(tx, subject, 0, [{ declaration: keyIssued, subject, key: subject, data: { key, by } }]);
    await tx.query('insert into keys (id, hash, tenant, agent, owner, person, groups, attributes, roles, created, expires) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)', [
      id,
      hash,
      key.tenant,
      key.agent,
      key.owner,
      key.person,
      key.groups,
      JSON.stringify(request.attributes),
      key.roles,
      key.created,
      key.expires,
    ]);
    await this.outbox.publish(tx, [toPublished(key)]);
    return { key, presented };
  }

  /** Answers whether the tenant has such a key. Revoking twice is revoking once. */
  async revoke(tx: Tx, tenant: string, id: string, by: string): Promise<boolean> {
    const [row] = await rowsOf<KeyRow>(tx, 'select * from keys where tenant = $1 and id = $2 for update', [tenant, id]);
    if (!row || row.revoked) return row !== undefined;
    const subject = `key-${id}`;
    const { version } = await this.streams.load(tx, subject);
    await this.streams.append(tx, subject, version, [{ declaration: keyRevoked, subject, key: subject, data: { id, by } }]);
    await tx.query('update keys set revoked = true where id = $1', [id]);
    await this.outbox.publish(tx, [toPublished({ ...toApiKey(row), revoked: true })]);
    return true;
  }
}

function toPublished(key: ApiKey): NewEvent {
  return { declaration: directoryKeyPublished, subject: `key-${key.id}`, key: `key/${key.id}`, data: key };
}
