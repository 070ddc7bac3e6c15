export interface Page {
  readonly url: string;
  readonly status: number;
  readonly html: string;
}

/** Somebody at a browser, without the browser: follows redirects, keeps cookies, sends forms, and logs in where the company asks for it. */
export class Browser {
  private readonly jar = new Map<string, Map<string, string>>();

  constructor(private readonly name: string) {}

  /** Answers the last page. */
  async open(url: string): Promise<Page> {
    return this.settle(await this.request(url));
  }

  /** Sends the form of a page whose action ends with this, with what is hidden in it. */
  async submit(page: Page, action: string, fields: Record<string, string>): Promise<Page> {
    const form = [...page.html.matchAll(/<form[^>]*action="([^"]+)"[^>]*>(.*?)<\/form>/gs)].find(([, target]) => target!.endsWith(action));
    if (form === undefined) throw new Error(`there is no form for ${action} on ${page.url}: ${page.html}`);
    const hidden = [...form[2]!.matchAll(/<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)];
    const own = Object.fromEntries(hidden.map(([, name, value]) => [name!, unescaped(value!)]));
    return this.settle(await this.request(new URL(unescaped(form[1]!), page.url).href, { ...own, ...fields }));
  }

  private async settle(first: Answer): Promise<Page> {
    let page = first;
    for (let step = 0; step < 20; step += 1) {
      if (page.location !== undefined) page = await this.request(new URL(page.location, page.url).href);
      else if (/name="login"/.test(page.html)) page = await this.atCompany(page, { prompt: 'login', login: this.name, password: 'any' });
      else if (/name="prompt" value="consent"/.test(page.html)) page = await this.atCompany(page, { prompt: 'consent' });
      else return page;
    }
    throw new Error(`redirected without end, at last to ${page.url}`);
  }

  private atCompany(page: Answer, fields: Record<string, string>): Promise<Answer> {
    const action = /<form[^>]*action="([^"]+)"/.exec(page.html)?.[1];
    if (action === undefined) throw new Error(`there is no form on ${page.url}`);
    return this.request(new URL(unescaped(action), page.url).href, fields);
  }

  private async request(url: string, fields?: Record<string, string>): Promise<Answer> {
    const { host, origin } = new URL(url);
    const kept = this.jar.get(host) ?? new Map<string, string>();
    this.jar.set(host, kept);
    const cookie = [...kept].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(60_000),
      ...(fields === undefined ? { headers: { cookie } } : { method: 'POST', headers: { cookie, origin }, body: new URLSearchParams(fields) }),
    });
    for (const header of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(header)!;
      if (value === '') kept.delete(name!);
      else kept.set(name!, value!);
    }
    return { url, status: response.status, location: response.headers.get('location') ?? undefined, html: await response.text() };
  }
}

interface Answer extends Page {
  readonly location: string | undefined;
}

function unescaped(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
