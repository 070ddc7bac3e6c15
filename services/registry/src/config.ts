import { z } from 'zod';
import { bytes, count, flag, list, milliseconds, optionalText, setting, type SettingsOf } from '@customhouse/settings/settings';
import { stdioSettings } from '@customhouse/upstream/stdio-settings';

/** Injection token of the settings of this service. */
export const REGISTRY_SETTINGS = Symbol('RegistrySettings');

const positive = count.min(1, 'must be at least 1');

export const registrySettings = {
  serversFile: setting({
    env: 'CUSTOMHOUSE_REGISTRY_SERVERS_FILE',
    schema: optionalText,
    description:
      'JSON or YAML file of servers, in the form that MCP clients use (`mcpServers`). Read at start: what is not there yet is added, what differs is changed, nothing is removed.',
  }),
  stdio: setting({
    env: 'CUSTOMHOUSE_REGISTRY_STDIO',
    schema: flag,
    default: 'false',
    description: 'Operators may add servers that are started as a process (stdio), and so run commands where the gateway runs. The servers file always may.',
  }),
  accept: setting({
    env: 'CUSTOMHOUSE_REGISTRY_ACCEPT',
    schema: z.enum(['first', 'never']),
    default: 'first',
    description: 'Whether the tools and prompts that a server offers when it is first reached are accepted with it. Those and changes that come later always wait for somebody.',
  }),
  discovery_ms: setting({
    env: 'CUSTOMHOUSE_REGISTRY_DISCOVERY_MS',
    schema: milliseconds.min(1_000, 'must be at least 1000'),
    default: '60000',
    description: 'Time between two discoveries of a server.',
  }),
  retry_ms: setting({
    env: 'CUSTOMHOUSE_REGISTRY_RETRY_MS',
    schema: milliseconds.min(100, 'must be at least 100'),
    default: '5000',
    description: 'Time until a server that was not reached is tried again.',
  }),
  connectTimeout_ms: setting({
    env: 'CUSTOMHOUSE_REGISTRY_CONNECT_TIMEOUT_MS',
    schema: milliseconds.min(100, 'must be at least 100'),
    default: '20000',
    description: 'Time for a server to be connected or started, and initialised.',
  }),
  listTimeout_ms: setting({
    env: 'CUSTOMHOUSE_REGISTRY_LIST_TIMEOUT_MS',
    schema: milliseconds.min(100, 'must be at least 100'),
    default: '15000',
    description: 'Time for one page of a list. A whole list has four times as long.',
  }),
  concurrency: setting({ env: 'CUSTOMHOUSE_REGISTRY_CONCURRENCY', schema: positive, default: '4', description: 'Discoveries at once.' }),
  tools: setting({
    env: 'CUSTOMHOUSE_REGISTRY_TOOLS',
    schema: positive,
    default: '5000',
    description: 'Items of one list of a server: tools, prompts or resources. A longer list is not believed at all.',
  }),
  templates: setting({
    env: 'CUSTOMHOUSE_REGISTRY_TEMPLATES',
    schema: positive,
    default: '200',
    description: 'Templates of resources of one server: every URI is compared with those of all servers. A longer list is not believed at all.',
  }),
  pages: setting({ env: 'CUSTOMHOUSE_REGISTRY_PAGES', schema: positive, default: '200', description: 'Pages of one list.' }),
  definitionBytes: setting({
    env: 'CUSTOMHOUSE_REGISTRY_DEFINITION_BYTES',
    schema: bytes.min(1_000, 'must be at least 1000'),
    default: '262144',
    description: 'Largest definition of a tool, prompt, resource or template. One with a larger one is left out.',
  }),
  pageBytes: setting({
    env: 'CUSTOMHOUSE_REGISTRY_PAGE_BYTES',
    schema: bytes.min(10_000, 'must be at least 10000'),
    default: '16777216',
    description: 'Largest page of a list.',
  }),
  listBytes: setting({
    env: 'CUSTOMHOUSE_REGISTRY_LIST_BYTES',
    schema: bytes.min(10_000, 'must be at least 10000'),
    default: '33554432',
    description: 'All definitions of one list of a server together. A longer list is not believed at all.',
  }),
  changedPause_ms: setting({
    env: 'CUSTOMHOUSE_REGISTRY_CHANGED_PAUSE_MS',
    schema: milliseconds.min(100, 'must be at least 100'),
    default: '1000',
    description: 'Least time between two discoveries that a server asks for (`list_changed`). A server that changes every time it is looked at is looked at less and less often.',
  }),
  allowedAddresses: setting({
    env: 'CUSTOMHOUSE_REGISTRY_ALLOWED_ADDRESSES',
    schema: list,
    default: '',
    description: 'Link-local or metadata addresses and subnets that servers may nevertheless have.',
  }),
  ...stdioSettings('CUSTOMHOUSE_REGISTRY'),
};

export type RegistrySettings = SettingsOf<typeof registrySettings>;
