// contracts/published/openapi/<service>.yaml, from the route tables of contracts/http.
import { openApiDocument } from '@customhouse/http-contract/openapi';
import { stringify } from 'yaml';
import { routeTables } from './route-tables.mjs';

const abouts = {
  registry: 'Servers, tools, and the keys of agents and people.',
  policy: 'Which rules are in force, and which were before.',
  approval: 'Held calls that wait for people.',
  audit: 'What happened, and what the proof of it is.',
  scanner: 'What looked dangerous.',
  ingress: 'The state of the gateway.',
};

export async function openApiDocuments() {
  const tables = await routeTables();
  return new Map(
    [...tables].map(([service, table]) => [service, openApiDocument({ title: `Customhouse: ${service}`, description: abouts[service] ?? '', services: { [service]: table } })]),
  );
}

export async function openApis() {
  const documents = await openApiDocuments();
  return new Map([...documents].map(([service, document]) => [`contracts/published/openapi/${service}.yaml`, stringify(document, { lineWidth: 0, aliasDuplicateObjects: false })]));
}
