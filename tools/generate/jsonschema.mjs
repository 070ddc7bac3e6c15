// contracts/published/jsonschema/<type>/v<n>.json
import { declarations, eventSchema } from './event-schema.mjs';

export function jsonSchemas() {
  return new Map(
    declarations.map((declaration) => [
      `contracts/published/jsonschema/${declaration.type}/v${declaration.version}.json`,
      `${JSON.stringify(eventSchema(declaration), undefined, 2)}\n`,
    ]),
  );
}
