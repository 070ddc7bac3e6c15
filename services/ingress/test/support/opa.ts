import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';

export interface Question {
  readonly input: JsonObject;
  readonly authorization: string | undefined;
  readonly path: string;
}

/** Stands in for an Open Policy Agent: answers the Data API as it is told to. */
export class StandInOpa {
  readonly questions: Question[] = [];
  /** What it does with a question. */
  answer: (response: ServerResponse, question: Question) => void = says({ result: true });
  /** Questions that it is busy with, and the most that there were at once. */
  busy = { now: 0, most: 0 };
  #server!: Server;

  static async start(): Promise<StandInOpa> {
    const made = new StandInOpa();
    made.#server = createServer((request, response) => void made.#serve(request, response));
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/data/company/customhouse`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.busy.now += 1;
    this.busy.most = Math.max(this.busy.most, this.busy.now);
    response.once('close', () => (this.busy.now -= 1));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { input } = JSON.parse(Buffer.concat(chunks).toString()) as { input: JsonObject };
    const question = { input, authorization: request.headers.authorization, path: request.url! };
    this.questions.push(question);
    this.answer(response, question);
  }
}

export function says(body: unknown, status = 200): (response: ServerResponse) => void {
  return (response) => void response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body));
}
