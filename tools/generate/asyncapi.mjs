// contracts/published/asyncapi.yaml: topics and events, for those who read the log.
import { eventTopics, stateTopics, wireType } from '@customhouse/events/catalogue';
import { stringify } from 'yaml';
import { dataSchema, declarations, envelopeSchema } from './event-schema.mjs';

/** A pure value, so that it can be validated without its file. */
export function asyncApiDocument() {
  const topics = [...eventTopics, ...stateTopics].filter((topic) => declarations.some((declaration) => declaration.topic === topic));
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Customhouse events',
      version: '1',
      description:
        'Facts about governed tool calls. Every value is one CloudEvent 1.0 in structured JSON, in its RFC 8785 form. Unknown members, types and versions appear over time: keep or skip them, never fail on them. An event may arrive more than once: drop duplicates by `id`.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/cloudevents+json; charset=UTF-8',
    channels: Object.fromEntries(topics.map((topic) => [topic, channelOf(topic)])),
    operations: Object.fromEntries(topics.map((topic) => [topic, { action: 'send', channel: { $ref: `#/channels/${topic}` } }])),
    components: {
      messages: Object.fromEntries(declarations.map((declaration) => [wireType(declaration), messageOf(declaration)])),
      schemas: {
        Envelope: envelopeSchema('draft-7'),
        ...Object.fromEntries(declarations.map((declaration) => [`${declaration.type}.v${declaration.version}`, dataSchema(declaration, 'draft-7')])),
      },
    },
  };
}

function channelOf(topic) {
  const own = declarations.filter((declaration) => declaration.topic === topic);
  return {
    address: topic,
    description: stateTopics.includes(topic)
      ? 'State: the last record of a key is its present state, and a null value removes the key. Compacted, not chained.'
      : 'Facts: append only. The events of one writer form a chain (`instance`, `epoch`, `sequence`, `previoushash`) over all these topics together.',
    messages: Object.fromEntries(own.map((declaration) => [wireType(declaration), { $ref: `#/components/messages/${wireType(declaration)}` }])),
  };
}

function messageOf(declaration) {
  return {
    name: wireType(declaration),
    title: declaration.type,
    summary: declaration.summary,
    payload: {
      allOf: [
        { $ref: '#/components/schemas/Envelope' },
        { type: 'object', properties: { type: { const: wireType(declaration) }, data: { $ref: `#/components/schemas/${declaration.type}.v${declaration.version}` } } },
      ],
    },
  };
}

export function asyncApi() {
  return new Map([['contracts/published/asyncapi.yaml', stringify(asyncApiDocument(), { lineWidth: 0, aliasDuplicateObjects: false })]]);
}
