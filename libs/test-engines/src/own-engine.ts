import { ask, askForContainer } from './ask.js';

/** An engine in a container of its own, to be mistreated. Ports stay the same over restarts. */
export class OwnEngine {
  constructor(private readonly id: string) {}

  /** SIGKILL: no goodbye to anyone. */
  kill(): Promise<unknown> {
    return ask(`own/${this.id}/kill`);
  }

  start(): Promise<unknown> {
    return ask(`own/${this.id}/start`);
  }

  restart(): Promise<unknown> {
    return ask(`own/${this.id}/restart`);
  }

  /** It keeps its connections and answers nothing. */
  pause(): Promise<unknown> {
    return ask(`own/${this.id}/pause`);
  }

  unpause(): Promise<unknown> {
    return ask(`own/${this.id}/unpause`);
  }

  /** Runs a program inside. Throws what it printed when it fails. */
  async run(...command: string[]): Promise<string> {
    const { output, exitCode } = await ask<{ output: string; exitCode: number }>(`own/${this.id}/exec`, { command });
    if (exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${exitCode}: ${output}`);
    return output;
  }

  remove(): Promise<unknown> {
    return ask(`own/${this.id}/remove`);
  }
}

/** Where the ports of containers are reached: an address or a name. Undefined, with a printed line, where no Docker engine answers. */
export async function containerHost(): Promise<string | undefined> {
  return (await askForContainer<{ host: string }>('the host of containers', 'host'))?.host;
}

export interface OwnKafkaOptions {
  /** Settings of the broker, `KAFKA_…`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** More client listeners by name, with their security protocol. */
  readonly listeners?: Readonly<Record<string, string>>;
  /** Addresses to tell clients of a listener instead of its own, for a proxy. */
  readonly advertise?: Readonly<Record<string, string>>;
  /** Texts to put into the container. */
  readonly files?: readonly { readonly path: string; readonly text: string }[];
}

/** `addresses`: by listener. Undefined, with a printed line, where no Docker engine answers. */
export async function ownKafka(
  options: OwnKafkaOptions = {},
): Promise<{ readonly brokers: string; readonly addresses: Readonly<Record<string, string>>; readonly engine: OwnEngine } | undefined> {
  const answer = await askForContainer<{ id: string; brokers: string; addresses: Record<string, string> }>('a Kafka of its own', 'own/kafka', options);
  return answer && { brokers: answer.brokers, addresses: answer.addresses, engine: new OwnEngine(answer.id) };
}

/** Undefined, with a printed line, where no Docker engine answers. */
export async function ownPostgres(options: { readonly args?: readonly string[] } = {}): Promise<{ readonly url: string; readonly engine: OwnEngine } | undefined> {
  const answer = await askForContainer<{ id: string; url: string }>('a PostgreSQL of its own', 'own/postgres', options);
  return answer && { url: answer.url, engine: new OwnEngine(answer.id) };
}

/** An Open Policy Agent that serves the module. Undefined, with a printed line, where no Docker engine answers. */
export async function ownOpa(policy: string): Promise<{ readonly url: string; readonly engine: OwnEngine } | undefined> {
  const answer = await askForContainer<{ id: string; url: string }>('an Open Policy Agent', 'own/opa', { policy });
  return answer && { url: answer.url, engine: new OwnEngine(answer.id) };
}
