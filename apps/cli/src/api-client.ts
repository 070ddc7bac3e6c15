import { Problem } from '@customhouse/http-contract/problem';
import { fillPath, type BodyOf, type ParamsOf, type QueryOf, type ResponseOf, type Route } from '@customhouse/http-contract/route';
import type { z } from 'zod';
import type { Service } from './place.js';
import { CliProblem, type Exit } from './problem.js';

/** What a route is given: as it goes over the wire, so that defaults may be left out. */
type Input<S> = S extends z.ZodType ? z.input<S> : undefined;
export interface Call<R extends Route> {
  readonly params?: ParamsOf<R> extends undefined ? undefined : Input<R['params']>;
  readonly query?: QueryOf<R> extends undefined ? undefined : Input<R['query']>;
  readonly body?: BodyOf<R> extends undefined ? undefined : Input<R['body']>;
}

/** One service's control API. Every failure is a CliProblem that says where and why. */
export class ApiClient {
  constructor(
    private readonly options: { readonly service: Service; readonly url: string; readonly key: string | undefined; readonly timeout_ms: number; readonly signal: AbortSignal },
  ) {}

  get url(): string {
    return this.options.url;
  }

  /** The document that the route answers; undefined where it answers none. */
  async request<R extends Route>(route: R, call: Call<R> = {}): Promise<ResponseOf<R>> {
    const late = AbortSignal.timeout(this.options.timeout_ms);
    const response = await this.send(route, call, late);
    if (response.status === 204) return undefined as ResponseOf<R>;
    return this.checked(route, await this.readJson(response, late)) as ResponseOf<R>;
  }

  /** The raw lines of a stream (JSON Lines), or the data of its server-sent events, each as it comes. */
  async *stream<R extends Route>(route: R, call: Call<R> = {}): AsyncGenerator<string> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), this.options.timeout_ms);
    // Only the beginning has a deadline: a stream lasts as long as it lasts.
    const response = await this.send(route, call, late.signal).finally(() => clearTimeout(timer));
    const events = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    try {
      for await (const line of linesOf(response.body!)) {
        if (!events) {
          if (line !== '') yield line;
        } else if (line.startsWith('data:')) yield line.slice(5).trimStart();
      }
    } catch (error) {
      if (this.options.signal.aborted) return;
      throw new CliProblem('unreachable', `the ${this.options.service} service broke off in the middle: ${causeOf(error)}`, { cause: error });
    }
  }

  private async send(route: Route, call: Call<Route>, late: AbortSignal): Promise<Response> {
    const { url, key } = this.options;
    const target = new URL(url + fillPath(route, call.params as Record<string, string> | undefined));
    for (const [name, value] of Object.entries((call.query ?? {}) as Record<string, unknown>)) {
      for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) if (item !== undefined) target.searchParams.append(name, String(item));
    }
    const headers: Record<string, string> = { accept: 'application/json, application/jsonl, text/event-stream' };
    if (key) headers.authorization = `Bearer ${key}`;
    if (call.body !== undefined) headers['content-type'] = 'application/json';
    let response: Response;
    try {
      // A redirect is an error: the key must not travel to where it was not meant to go.
      response = await fetch(target, {
        method: route.method,
        headers,
        ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
        redirect: 'error',
        signal: AbortSignal.any([late, this.options.signal]),
      });
    } catch (error) {
      throw this.unreachable(error, late);
    }
    if (!response.ok) throw await this.refusal(response, route);
    return response;
  }

  private unreachable(error: unknown, late: AbortSignal): CliProblem {
    const { service, url, timeout_ms } = this.options;
    if (this.options.signal.aborted) return new CliProblem('interrupted', 'interrupted');
    if (late.aborted)
      return new CliProblem('unreachable', `the ${service} service at ${url} did not answer within ${timeout_ms / 1000} s`, {
        hint: '"customhouse doctor" looks for the reason; --timeout waits longer.',
      });
    return new CliProblem('unreachable', `the ${service} service at ${url} cannot be reached: ${causeOf(error)}`, {
      hint: 'Is it running, and is the address right? "customhouse doctor" checks.',
      cause: error,
    });
  }

  private async refusal(response: Response, route: Route): Promise<CliProblem> {
    const text = await response.text().catch(() => '');
    const problem = Problem.safeParse(tryJson(text));
    if (!problem.success) {
      return new CliProblem(
        response.status >= 500 ? 'unreachable' : 'failed',
        `${this.options.url} answered ${response.status} to ${route.method} ${route.path}, and not as Customhouse does`,
        {
          hint: `Is it the address of the ${this.options.service} service?`,
        },
      );
    }
    const { code, detail, problems } = problem.data;
    return new CliProblem(exitOf(response.status), detail, {
      code,
      details: problems?.map(({ pointer, message }) => `${pointer || '/'}: ${message}`),
      ...hintFor(response.status),
    });
  }

  private async readJson(response: Response, late: AbortSignal): Promise<unknown> {
    try {
      return (await response.json()) as unknown;
    } catch (error) {
      if (late.aborted || this.options.signal.aborted || (error as Error).name !== 'SyntaxError') throw this.unreachable(error, late);
      throw new CliProblem('unreachable', `${this.options.url} did not answer JSON`, { hint: `Is it the address of the ${this.options.service} service?`, cause: error });
    }
  }

  /** An answer that merely has more in it comes from a newer gateway; one that lacks something is no answer of this route. */
  private checked(route: Route, answer: unknown): unknown {
    const schema = route.response;
    if (!schema || !('safeParse' in schema)) return answer;
    const parsed = schema.safeParse(answer);
    if (parsed.success || parsed.error.issues.every((issue) => issue.code === 'unrecognized_keys')) return answer;
    const [issue] = parsed.error.issues;
    throw new CliProblem('failed', `${this.options.url} answered ${route.method} ${route.path} in a form that is not known here (${issue!.path.join('.')}: ${issue!.message})`, {
      hint: `Is it the address of the ${this.options.service} service, and of the same version as this command line?`,
    });
  }
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  if (rest !== '') yield rest;
}

function exitOf(status: number): Exit {
  if (status === 401 || status === 403) return 'forbidden';
  if (status === 400 || status === 413 || status === 422) return 'usage';
  return status === 503 ? 'unreachable' : 'failed';
}

function hintFor(status: number): { hint?: string } {
  if (status === 401) return { hint: 'Use --key-file PATH or CUSTOMHOUSE_KEY. "customhouse keys create" issues a key.' };
  return status === 403 ? { hint: 'An operator can issue a key with that role: "customhouse keys create --role …".' } : {};
}

/** `fetch` says "fetch failed"; the reason is in its cause. */
function causeOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  if (cause?.code === 'ECONNREFUSED') return 'nothing listens there';
  if (cause?.code === 'ENOTFOUND') return 'there is no such host';
  return cause?.message || message;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
