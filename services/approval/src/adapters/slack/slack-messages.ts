import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { WebClient } from '@slack/web-api';
import type { DataSource } from 'typeorm';
import type { ApprovalDetail } from '@customhouse/http-contract/approval';
import { rowsOf } from '@customhouse/event-store/sql';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { linkTo } from '../../places.js';
import type { SlackApp } from '../../slack-settings.js';
import { Previews } from '../preview.js';
import { findRequest, toApproval } from '../requests-view.js';
import { NotDelivered, type Notice, type Notifier } from '../notifier.js';
import { requestMessage, wordsFor } from './message.js';
import { isGone, SLACK, undelivered } from './slack-client.js';

/** Injection token of SlackApp. */
export const SLACK_APP = Symbol('SlackApp');

/** A message that asks about a request. */
export interface Posted {
  readonly channel: string;
  readonly ts: string;
  readonly approval: string;
  /** SHA-256 of what it shows; null when nobody may approve by it. */
  readonly preview: string | null;
}

/** The messages about requests in Slack: posted once to each channel, and changed in place afterwards. */
@Injectable()
export class SlackMessages implements Notifier {
  readonly channel = 'slack';

  constructor(
    @Inject(SLACK_APP) private readonly app: SlackApp,
    @Inject(SLACK) private readonly slack: WebClient,
    @Inject(dataSourceOf('approval')) private readonly dataSource: DataSource,
    @Inject(Previews) private readonly previews: Previews,
  ) {}

  async deliver(notice: Notice): Promise<void> {
    try {
      if (notice.kind === 'opened' || (notice.kind === 'escalated' && notice.about === 'decision')) await this.post(notice);
      if (notice.kind === 'reminded' || notice.kind === 'escalated') await this.remind(notice);
      if (notice.kind === 'voted' || notice.kind === 'decided') await this.update(notice.tenant, notice.approval.approval);
    } catch (error) {
      throw undelivered(error);
    }
  }

  /** The message that was posted there, if it is one of ours. Somebody may click before we have noted what Slack made of it, so it is looked for twice. */
  async find(channel: string, ts: string): Promise<Posted | undefined> {
    const posted = await this.findNow(channel, ts);
    if (posted !== undefined) return posted;
    await sleep(500);
    return this.findNow(channel, ts);
  }

  private async findNow(channel: string, ts: string): Promise<Posted | undefined> {
    const [posted] = await rowsOf<Posted>(this.dataSource.manager, 'select channel, ts, approval, preview from slack_messages where channel = $1 and ts = $2', [channel, ts]);
    return posted;
  }

  /**
   * Makes the messages of a request say what is so now. Two of these may run at once: whoever wrote last looks whether it wrote what
   * is so, and writes again when it did not.
   */
  async update(tenant: string, approval: string): Promise<void> {
    let written = '';
    for (let round = 0; round < 5; round += 1) {
      const detail = await this.detail(tenant, approval);
      if (written === stateOf(detail)) return;
      const { text, blocks, preview } = this.messageFor(detail);
      for (const { channel, ts } of await this.postedFor(approval)) {
        try {
          await this.slack.chat.update({ channel, ts, text, blocks });
        } catch (error) {
          if (!isGone(error)) throw error;
        }
        await this.dataSource.manager.query('update slack_messages set preview = $3 where channel = $1 and ts = $2', [channel, ts, preview]);
      }
      written = stateOf(detail);
    }
  }

  private async post({ tenant, approval: { approval }, groups }: Notice): Promise<void> {
    const detail = await this.detail(tenant, approval);
    // What was decided while Slack was away needs no question any more.
    if (detail.status !== 'open') return;
    const already = new Set((await this.postedFor(approval)).map(({ channel }) => channel));
    const channels = new Set([this.app.channel, ...groups.flatMap((group) => this.app.groupChannels.get(group) ?? [])]);
    const { text, blocks, preview } = this.messageFor(detail);
    for (const channel of channels) {
      if (already.has(channel)) continue;
      const { ts } = await this.slack.chat.postMessage({ channel, text, blocks, unfurl_links: false, unfurl_media: false });
      if (ts === undefined) throw new Error('Slack did not say which message it made');
      await this.dataSource.manager.query('insert into slack_messages (channel, ts, approval, preview) values ($1, $2, $3, $4) on conflict do nothing', [
        channel,
        ts,
        approval,
        preview,
      ]);
    }
  }

  private async remind({ kind, about, approval, groups }: Notice): Promise<void> {
    if (about === 'decision' && approval.status !== 'open') return;
    const asked = groups.length > 0 ? ` Asked are: ${groups.join(', ')}.` : '';
    const words =
      about === 'review'
        ? 'One person let this call run alone. Somebody else has to review it.'
        : kind === 'escalated'
          ? `Nobody has decided yet, so others may as well.${asked}`
          : `This still waits for a decision.${asked}`;
    const way = { text: 'Details', url: linkTo(this.app.publicUrl, approval.approval) };
    for (const { channel, ts } of await this.postedFor(approval.approval)) {
      try {
        await this.slack.chat.postMessage({ channel, thread_ts: ts, reply_broadcast: true, ...wordsFor(words, way), unfurl_links: false });
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
  }

  private messageFor(detail: ApprovalDetail) {
    return requestMessage(detail, linkTo(this.app.publicUrl, detail.approval), this.app.showArguments);
  }

  private async postedFor(approval: string): Promise<readonly Posted[]> {
    return rowsOf<Posted>(this.dataSource.manager, 'select channel, ts, approval, preview from slack_messages where approval = $1 order by channel, ts', [approval]);
  }

  private async detail(tenant: string, approval: string): Promise<ApprovalDetail> {
    const row = await findRequest(this.dataSource, tenant, approval);
    if (row === null) throw new NotDelivered('the request is gone', { again: false });
    return { ...toApproval(row), ...(await this.previews.of(row.held)) };
  }
}

/** What of a request can change in its message. */
function stateOf({ status, approvers, missing, decided_by }: ApprovalDetail): string {
  return JSON.stringify([status === 'dispatching' || status === 'closed' ? 'granted' : status, approvers, missing, decided_by]);
}
