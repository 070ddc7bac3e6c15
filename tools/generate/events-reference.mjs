// docs/reference/events.md, from the catalogue of events.
import { eventTopics, stateTopics } from '@customhouse/events/catalogue';
import { Envelope } from '@customhouse/events/envelope';
import { z } from 'zod';
import { dataSchema, declarations } from './event-schema.mjs';
import { cell, notice } from './root.mjs';

export function eventsReference() {
  const topics = [...eventTopics, ...stateTopics].filter((topic) => declarations.some((declaration) => declaration.topic === topic));
  const page = [
    notice,
    '',
    '# Events',
    '',
    'Every fact is one CloudEvent in JSON. Its `type` is the name below with `customhouse.` in front and the version behind: `customhouse.call.admitted.v1`. For programs: [AsyncAPI](../../contracts/published/asyncapi.yaml) and [JSON Schema](../../contracts/published/jsonschema).',
    '',
    '## The envelope',
    '',
    ...membersTable(z.toJSONSchema(Envelope, { io: 'output' })),
    '',
    ...topics.flatMap(topicSection),
  ];
  return new Map([['docs/reference/events.md', page.join('\n')]]);
}

function topicSection(topic) {
  const own = declarations.filter((declaration) => declaration.topic === topic);
  return [
    `## ${topic}`,
    '',
    ...own.flatMap((declaration) => [
      `### ${declaration.type}`,
      '',
      `Version ${declaration.version}. ${declaration.summary}`,
      '',
      ...membersTable(dataSchema(declaration, 'draft-2020-12')),
      '',
    ]),
  ];
}

function membersTable(schema) {
  const members = Object.entries(schema.properties ?? {});
  if (members.length === 0) return ['Any members.'];
  const rows = members.map(
    ([name, member]) => `| \`${name}\`${schema.required?.includes(name) ? '' : ' (optional)'} | ${cell(shapeOf(member))} | ${cell(member.description ?? '')} |`,
  );
  return ['| member | shape | meaning |', '|---|---|---|', ...rows];
}

/** A schema in a few words; the JSON Schema has the rest. */
function shapeOf(schema) {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [...new Set(choices.map(shapeOf))].join(' or ');
  if (Array.isArray(schema.type)) return schema.type.map((type) => shapeOf({ ...schema, type })).join(' or ');
  if (schema.type === 'array') return `list of ${shapeOf(schema.items ?? {})}`;
  if (schema.type === 'object') return schema.properties ? `{ ${Object.keys(schema.properties).join(', ')} }` : 'object';
  if (schema.type === 'integer') return 'whole number';
  if (schema.type === 'string') return 'text';
  return schema.type ?? 'anything';
}
