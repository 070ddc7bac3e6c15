import { NotDelivered, type Notice, type Notifier } from '../notifier.js';

/** What is sent for a notice. */
export interface Encoded {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Longest pause that a receiver can ask for. */
const longest_ms = 3_600_000;

/** Tells an address on the web. What the notice looks like there is its encoding; arguments of calls are in none. */
export class Webhook implements Notifier {
  readonly #url: string;

  constructor(
    readonly channel: string,
    url: string,
    private readonly encode: (notice: Notice) => Encoded,
  ) {
    this.#url = url;
  }

  async deliver(notice: Notice, signal: AbortSignal): Promise<void> {
    const { body, headers } = this.encode(notice);
    const response = await this.send(body, { 'content-type': 'application/json', ...headers }, signal);
    await response.body?.cancel();
    if (response.ok) return;
    const { status } = response;
    const again = status === 408 || status === 425 || status === 429 || status >= 500;
    const asked_s = Number(response.headers.get('retry-after') ?? Number.NaN);
    throw new NotDelivered(`the webhook answered ${status}`, { again, ...(asked_s > 0 ? { after_ms: Math.min(asked_s * 1_000, longest_ms) } : {}) });
  }

  private async send(body: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    try {
      // A redirect would take what was meant for one address to another.
      return await fetch(this.#url, { method: 'POST', headers, body, signal, redirect: 'error' });
    } catch {
      // The cause names the address, which is a secret.
      throw new NotDelivered('the webhook cannot be reached', { again: true });
    }
  }
}
