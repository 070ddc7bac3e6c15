// The JSON Schema of an event, whole (with its CloudEvents envelope) or of its data alone.
import { catalogue } from '@customhouse/events/all';
import { eventTopics, wireType } from '@customhouse/events/catalogue';
import { Envelope } from '@customhouse/events/envelope';
import { z } from 'zod';

/** All declarations, sorted by topic as the catalogue lists them, then by type. */
export const declarations = [...catalogue.values()].sort((a, b) => (a.type < b.type ? -1 : 1));

export const chainMembers = ['instance', 'epoch', 'sequence', 'previoushash'];

/** `target`: `draft-2020-12`, or `draft-7` for AsyncAPI. */
export function dataSchema(declaration, target) {
  const { $schema, ...schema } = z.toJSONSchema(declaration.schema, { io: 'output', target });
  return schema;
}

export function envelopeSchema(target) {
  const { $schema, ...schema } = z.toJSONSchema(Envelope, { io: 'output', target });
  return schema;
}

/** A whole event in the version that the code has. */
export function eventSchema(declaration) {
  const envelope = envelopeSchema('draft-2020-12');
  const chained = eventTopics.includes(declaration.topic);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:customhouse:event:${declaration.type}:v${declaration.version}`,
    title: wireType(declaration),
    description: declaration.summary,
    ...envelope,
    properties: { ...envelope.properties, type: { const: wireType(declaration) }, data: dataSchema(declaration, 'draft-2020-12') },
    required: chained ? [...envelope.required, ...chainMembers] : envelope.required,
  };
}
