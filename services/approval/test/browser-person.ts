/** Somebody at a browser, without the browser: follows redirects, keeps cookies, sends forms. For what need not be looked at. */
export class BrowserPerson {
  private readonly jar = new Map<string, Map<string, string>>();
  /** Every cookie that was given, as it was said. */
  readonly given: string[] = [];

  constructor(readonly name: string) {}

  /** Opens an address and logs in where the company asks for it. Answers the last page. */
  async open(url: string): Promise<Page> {
    return this.settle(await this.request(url));
  }

  /** Sends the form of a page whose action ends with this, with its hidden fields. */
  async submit(page: Page, action: string, fields: Record<string, string> = {}, headers: Record<string, string> = {}): Promise<Page> {
    const form = [...page.html.matchAll(/<form[^>]*action="([^"]+)"[^>]*>(.*?)<\/form>/gs)].find(([, target]) => target!.endsWith(action));
    if (form === undefined) throw new Error(`there is no form for ${action} on ${page.url}: ${page.html}`);
    const hidden = Object.fromEntries(
      [...form[2]!.matchAll(/<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)].map(([, name, value]) => [name!, unescaped(value!)]),
    );
    return this.send(new URL(unescaped(form[1]!), page.url).href, { ...hidden, ...fields }, headers);
  }

  async send(url: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Page> {
    return this.settle(await this.request(url, new URLSearchParams(fields), headers));
  }

  /** The cookies for a host, as a header. */
  cookies(url: string): string {
    return [...(this.jar.get(new URL(url).host) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  private async settle(first: Page): Promise<Page> {
    let page = first;
    for (let step = 0; step < 20; step += 1) {
      if (page.location !== undefined) page = await this.request(new URL(page.location, page.url).href);
      else if (/name="login"/.test(page.html)) page = await this.loginAt(page, { prompt: 'login', login: this.name, password: 'any' });
      else if (/name="prompt" value="consent"/.test(page.html)) page = await this.loginAt(page, { prompt: 'consent' });
      else return page;
    }
    throw new Error(`redirected without end, at last to ${page.url}`);
  }

  private async loginAt(page: Page, fields: Record<string, string>): Promise<Page> {
    const action = /<form[^>]*action="([^"]+)"/.exec(page.html)?.[1];
    if (action === undefined) throw new Error(`there is no form on ${page.url}`);
    return this.request(new URL(unescaped(action), page.url).href, new URLSearchParams(fields));
  }

  private async request(url: string, body?: URLSearchParams, headers: Record<string, string> = {}): Promise<Page> {
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: { cookie: this.cookies(url), ...(body === undefined ? {} : { origin: new URL(url).origin }), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const { host } = new URL(url);
    for (const header of response.headers.getSetCookie()) {
      this.given.push(header);
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(header)!;
      const kept = this.jar.get(host) ?? new Map<string, string>();
      if (value === '') kept.delete(name!);
      else kept.set(name!, value!);
      this.jar.set(host, kept);
    }
    return { url, status: response.status, headers: response.headers, location: response.headers.get('location') ?? undefined, html: await response.text() };
  }
}

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly location: string | undefined;
  readonly html: string;
}

function unescaped(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
