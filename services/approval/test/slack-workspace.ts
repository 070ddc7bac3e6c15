import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from './gateway.js';

export const slackSecrets = { token: 'xoxb-token-of-a-test', signing: 'signing-secret-of-a-test', app: 'A0CUSTOMS', team: 'T0HOUSE' };

export interface Message {
  readonly channel: string;
  readonly ts: string;
  text: string;
  blocks: any[];
  readonly thread_ts?: string;
  /** For this person's eyes only. */
  readonly user?: string;
}

export interface Sent {
  readonly status: number;
  readonly body: any;
}

/** What Slack refuses of blocks (https://docs.slack.dev/reference/block-kit/blocks), as far as we use them. */
function faultIn(blocks: any[]): string | undefined {
  const plain = (text: any, most: number): boolean => text?.type === 'plain_text' && typeof text.text === 'string' && text.text.length >= 1 && text.text.length <= most;
  if (blocks.length > 50) return 'too many blocks';
  for (const block of blocks) {
    const fine =
      (block.type === 'header' && plain(block.text, 150)) ||
      (block.type === 'section' && block.fields !== undefined && block.fields.length <= 10 && block.fields.every((field: any) => plain(field, 2000))) ||
      (block.type === 'section' &&
        block.text !== undefined &&
        (plain(block.text, 3000) || (block.text.type === 'mrkdwn' && block.text.text.length >= 1 && block.text.text.length <= 3000))) ||
      (block.type === 'context' && block.elements.length <= 10 && block.elements.every((element: any) => plain(element, 3000))) ||
      (block.type === 'input' && plain(block.label, 2000)) ||
      (block.type === 'actions' &&
        block.elements.length <= 25 &&
        block.elements.every(
          (button: any) => plain(button.text, 75) && (button.value === undefined || button.value.length <= 2000) && (button.url === undefined || button.url.length <= 3000),
        ));
    if (!fine) return `${JSON.stringify(block).slice(0, 200)} is no block`;
  }
  return undefined;
}

/** A workspace of Slack: its Web API, its channels, and people who click. It signs what it sends as Slack does. */
export class SlackWorkspace {
  readonly messages: Message[] = [];
  readonly calls: { readonly method: string; readonly body: Record<string, any> }[] = [];
  readonly users = new Map<string, { readonly email: string; readonly real_name: string; readonly team_id?: string; readonly deleted?: boolean }>();
  readonly channels = new Set(['C0APPROVALS', 'C0FINANCE']);
  readonly dialogs: { readonly view: any; readonly trigger: string }[] = [];
  /** Instead of an answer, while it is set. */
  trouble: ((method: string) => { readonly status: number; readonly headers?: Record<string, string>; readonly body?: object } | 'silence' | undefined) | undefined;
  private counter = 1_700_000_000;
  interactivityUrl = '';

  private constructor(
    readonly apiUrl: string,
    private readonly server: Server,
  ) {}

  static async start(): Promise<SlackWorkspace> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const workspace = new SlackWorkspace(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`, server);
    server.on('request', (request, response) => void workspace.serve(request, response));
    return workspace;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Waits for the message about a request. */
  async messageAbout(approval: string, channel = 'C0APPROVALS'): Promise<Message> {
    return eventually(`a message about ${approval} is in ${channel}`, async () =>
      this.messages.find(
        (message) => message.channel === channel && message.thread_ts === undefined && message.user === undefined && JSON.stringify(message.blocks).includes(approval),
      ),
    );
  }

  /** What only this person was told last, after `since` messages. */
  async whisperTo(user: string, since = 0): Promise<Message> {
    return eventually(`${user} is told something`, async () => this.messages.slice(since).findLast((message) => message.user === user));
  }

  button(message: Message, action: string): any {
    return message.blocks.flatMap((block) => (block.type === 'actions' ? block.elements : [])).find((element: any) => element.action_id === action);
  }

  /** What Slack sends when somebody clicks. `changes` make it another click. */
  click(message: Message, action: string, user: string, changes: Record<string, unknown> = {}): object {
    const { value } = this.button(message, action) ?? {};
    const { channel, ts } = message;
    return {
      type: 'block_actions',
      api_app_id: slackSecrets.app,
      team: { id: slackSecrets.team, domain: 'house' },
      user: { id: user, username: user, team_id: slackSecrets.team },
      trigger_id: `trigger-${user}-${(this.counter += 1)}`,
      container: { type: 'message', message_ts: ts, channel_id: channel },
      channel: { id: channel, name: 'approvals' },
      message: { ts, text: message.text, blocks: message.blocks },
      actions: [{ type: 'button', action_id: action, block_id: 'b', value, action_ts: ts }],
      ...changes,
    };
  }

  /** What Slack sends when somebody sends the dialog off. */
  answer(dialog: { readonly view: any }, user: string, reason: string, changes: Record<string, unknown> = {}): object {
    const { callback_id, private_metadata } = dialog.view;
    return {
      type: 'view_submission',
      api_app_id: slackSecrets.app,
      team: { id: slackSecrets.team, domain: 'house' },
      user: { id: user, username: user, team_id: slackSecrets.team },
      view: { id: 'V1', type: 'modal', callback_id, private_metadata, state: { values: { reason: { reason: { type: 'plain_text_input', value: reason } } } } },
      ...changes,
    };
  }

  /** A request as Slack signs it, ready to be sent, also twice. */
  signed(payload: object, changes: { readonly secret?: string; readonly age_s?: number } = {}): { readonly body: string; readonly headers: Record<string, string> } {
    const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
    const timestamp = String(Math.floor(Date.now() / 1_000) - (changes.age_s ?? 0));
    const signature = `v0=${createHmac('sha256', changes.secret ?? slackSecrets.signing)
      .update(`v0:${timestamp}:${body}`)
      .digest('hex')}`;
    return { body, headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature } };
  }

  async deliver(request: { readonly body: string; readonly headers: Record<string, string> }, url = this.interactivityUrl): Promise<Sent> {
    const response = await fetch(url, { method: 'POST', ...request });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  async send(payload: object, changes: { readonly secret?: string; readonly age_s?: number } = {}): Promise<Sent> {
    return this.deliver(this.signed(payload, changes));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const method = request.url!.replace('/api/', '');
    const fields = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
    const body = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, ['blocks', 'view'].includes(name) ? JSON.parse(value) : value]));
    this.calls.push({ method, body });
    const trouble = this.trouble?.(method);
    if (trouble === 'silence') return;
    if (trouble !== undefined)
      return void response
        .writeHead(trouble.status, { 'content-type': 'application/json', ...trouble.headers })
        .end(JSON.stringify(trouble.body ?? { ok: false, error: 'ratelimited' }));
    const answer = request.headers.authorization === `Bearer ${slackSecrets.token}` ? this.call(method, body) : { ok: false, error: 'invalid_auth' };
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(answer));
  }

  private call(method: string, body: Record<string, any>): object {
    const { channel, user, ts, text, blocks = [], view, thread_ts, trigger_id } = body;
    const fault = faultIn(view?.blocks ?? blocks);
    if (fault !== undefined) return { ok: false, error: 'invalid_blocks', response_metadata: { messages: [fault] } };
    if (method.startsWith('chat.') && !this.channels.has(channel)) return { ok: false, error: 'channel_not_found' };
    switch (method) {
      case 'chat.postMessage':
      case 'chat.postEphemeral': {
        const message: Message = {
          channel,
          ts: `${(this.counter += 1)}.000100`,
          text,
          blocks,
          ...(thread_ts === undefined ? {} : { thread_ts }),
          ...(user === undefined ? {} : { user }),
        };
        this.messages.push(message);
        return { ok: true, channel, ts: message.ts, message: { text, blocks } };
      }
      case 'chat.update': {
        const message = this.messages.find((known) => known.channel === channel && known.ts === ts);
        if (message === undefined) return { ok: false, error: 'message_not_found' };
        Object.assign(message, { text, blocks });
        return { ok: true, channel, ts, text };
      }
      case 'views.open':
        if (view.private_metadata.length > 3000) return { ok: false, error: 'invalid_arguments' };
        this.dialogs.push({ view, trigger: trigger_id });
        return { ok: true, view: { id: 'V1', ...view } };
      case 'users.info': {
        const account = this.users.get(user);
        if (account === undefined) return { ok: false, error: 'user_not_found' };
        const { email, real_name, team_id = slackSecrets.team, deleted = false } = account;
        return { ok: true, user: { id: user, team_id, deleted, is_bot: false, real_name, profile: { email } } };
      }
      default:
        return { ok: false, error: 'unknown_method' };
    }
  }
}
