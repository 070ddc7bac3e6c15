import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ApiKey } from '@customhouse/events/registry/events';
import { decode } from '@customhouse/event-log/decode';
import type { EventWriter } from '@customhouse/event-log/event-writer';
import { openLog } from '@customhouse/event-log/open-log';
import { openWriter } from '@customhouse/event-log/open-writer';
import type { EventLog } from '@customhouse/event-log/port';
import { followState, type StateChange } from '@customhouse/event-log/state-follower';
import { deadLetterTopic, systemTopics, type TopicAdmin, type TopicDeclaration } from '@customhouse/event-log/topics';
import { backoff } from '@customhouse/event-store/failures';
import { FollowedKeyDirectory } from '@customhouse/identity/followed-key-directory';
import { KeyEncryptionKey } from '@customhouse/sealing/key-encryption-key';
import { readKeyFile } from '@customhouse/sealing/key-file';
import { createSealer, type FollowingSealer } from '@customhouse/sealing/node-sealer';
import type { ClosingStack } from './closing-stack.js';
import type { Health } from './health.js';
import type { ProcessSettings } from './process-settings.js';
import type { ServiceDefinition } from './service.js';
import { StartError } from './start-error.js';

const directoryTopic = 'customhouse.state.directory';
const sealingTopic = 'customhouse.state.keys';

/** What all services of a process share. */
export interface Host {
  readonly log: EventLog;
  readonly sink: EventWriter;
  readonly keys: FollowedKeyDirectory;
  readonly sealer: FollowingSealer;
}

export interface HostParts {
  readonly settings: ProcessSettings;
  readonly services: readonly ServiceDefinition[];
  readonly health: Health;
  readonly closing: ClosingStack;
  readonly logger: Logger;
}

/** Opens the log, makes its topics, starts the writer, and begins to follow keys. Throws StartError or KeyFileError. */
export async function openHost(parts: HostParts): Promise<Host> {
  const { settings, services, health, closing, logger } = parts;
  const kek = new KeyEncryptionKey(readKeyFile(settings.host.sealingKeyFile, { create: settings.host.development }));
  const log = await connect(parts);
  closing.add('the log', () => log.close());
  await prepareTopics(log, topicsFor(services), settings.host.createTopics, (difference) => logger.warn(difference));
  const sink = await startWriter(parts, log);
  health.add('log', () => log.ping(1_500));
  health.add('log-writable', () => {
    if (!sink.writable) throw new Error(sink.problem ?? 'too much waits to be written');
  });
  const keys = new FollowedKeyDirectory();
  const sealer = createSealer({
    kek,
    sink,
    catchUp: () => readAllKeys(log, sealer),
    rotation_ms: settings.host.sealingKeyAge_ms,
    max_cached: settings.host.sealingCachedKeys,
  });
  followKeys(parts, log, keys, sealer);
  return { log, sink, keys, sealer };
}

/** The one writer of the process. It tries until the log takes its first event; whether it has is a matter of readiness. */
async function startWriter({ settings, services, closing, logger }: HostParts, log: EventLog): Promise<EventWriter> {
  const service = services.length === 1 ? services[0]!.name : 'customhouse';
  const onProblem = (problem: string, error: unknown) => logger.warn({ error }, problem);
  const { writer, close } = await openWriter(settings.writer, { log, service, instance: settings.host.instance, onProblem });
  closing.add('the event writer', close);
  writer.start().catch((error: unknown) => logger.error({ error }, 'the event writer cannot begin its chain'));
  return writer;
}

async function connect({ settings, logger }: HostParts): Promise<EventLog & TopicAdmin> {
  const { startTimeout_ms } = settings.host;
  const deadline = performance.now() + startTimeout_ms;
  for (let tries = 1; ; tries += 1) {
    try {
      const log = await openLog(settings.log, (problem, error) => logger.warn({ error }, problem));
      await log.ping(5_000);
      return log;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (performance.now() >= deadline)
        throw new StartError(`the log did not answer for ${startTimeout_ms} ms (${message}): is it running, and is CUSTOMHOUSE_LOG_URL right?`, { cause: error });
      if (tries === 1) logger.info(`waiting for the log: ${message}`);
      await sleep(backoff(tries, 100, 1_000));
    }
  }
}

/** Makes missing topics, or demands that there are none: what has nowhere to go would hold up everything behind it later. Throws StartError. */
async function prepareTopics(log: EventLog & TopicAdmin, topics: readonly TopicDeclaration[], create: boolean, onDifference: (difference: string) => void): Promise<void> {
  if (create) {
    for (const difference of await log.createTopics(topics)) onDifference(difference);
    return;
  }
  const missing: string[] = [];
  for (const { name } of topics) {
    await log.ends([name]).catch(() => missing.push(name));
  }
  if (missing.length > 0)
    throw new StartError(`the log has no topic ${missing.join(', ')}: create them as infra/kafka/topics.json says, or let us with CUSTOMHOUSE_CREATE_TOPICS=true`);
}

/** The topics of the system, and one for the dead letters of each topic that a group follows. */
function topicsFor(services: readonly ServiceDefinition[]): TopicDeclaration[] {
  const topics = systemTopics();
  const dead = services
    .flatMap((service) => service.consumers ?? [])
    .flatMap(({ group, topics: followed }) => followed.map((name) => deadLetterTopic(declarationOf(topics, name), group)));
  return [...topics, ...dead];
}

function declarationOf(topics: readonly TopicDeclaration[], name: string): TopicDeclaration {
  const found = topics.find((topic) => topic.name === name);
  if (!found) throw new StartError(`a consumer follows the topic ${name}, which infra/kafka/topics.json does not have`);
  return found;
}

function followKeys({ health, closing, logger }: HostParts, log: EventLog, keys: FollowedKeyDirectory, sealer: FollowingSealer): void {
  const apply = ({ topic, key, event }: StateChange): void => {
    try {
      if (topic === directoryTopic) keys.apply(key, (event?.data ?? null) as ApiKey | null);
      else sealer.apply(key, event?.data ?? null);
    } catch (error) {
      logger.error({ error, topic }, 'a record of a state topic was passed over');
    }
  };
  const follower = followState({
    log,
    topics: [directoryTopic, sealingTopic],
    onChange: apply,
    onReady: () => keys.markReady(),
    onProblem: (problem, error) => logger.warn({ error }, problem),
  });
  closing.add('the followed keys', () => follower.close());
  health.add('keys', () => {
    if (!follower.ready) throw new Error('the keys are still being read');
  });
}

async function readAllKeys(log: EventLog, sealer: FollowingSealer): Promise<void> {
  const { records } = await log.readState(sealingTopic, AbortSignal.timeout(5_000));
  for (const record of records) sealer.apply(record.key, decode(record).data);
}
