import type { Command } from 'commander';
import { registryRoutes, type ResourceView, type TemplateView } from '@customhouse/http-contract/registry';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import type { Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import type { Column } from '../table.js';

const resourceColumns: readonly Column<ResourceView>[] = [
  { title: 'SERVER', value: (row) => row.server },
  { title: 'URI', value: (row) => row.uri, max: 80 },
  { title: 'NAME', value: ({ definition }) => textOf(definition['name']), max: 40 },
  { title: 'TYPE', value: ({ definition }) => textOf(definition['mimeType']), max: 30 },
];

const templateColumns: readonly Column<TemplateView>[] = [
  { title: 'SERVER', value: (row) => row.server },
  { title: 'TEMPLATE', value: (row) => row.template, max: 80 },
  { title: 'NAME', value: ({ definition }) => textOf(definition['name']), max: 40 },
];

export function addResources(program: Command, runtime: Runtime): void {
  const resources = program
    .command('resources')
    .summary('see the resources of the servers')
    .description('Lists what servers list. Nobody has to accept a resource; whether it may be read is for the policy to say, each time.');
  addPageOptions(
    resources
      .command('list', { isDefault: true })
      .summary('list resources')
      .description('Lists the resources of all servers, under their own URIs.')
      .option('--server <name>', 'of this server'),
  ).action(runtime.action(listResources));
  addPageOptions(
    resources
      .command('templates')
      .summary('list templates')
      .description('Lists the templates that stand for resources which are in no list.')
      .option('--server <name>', 'of this server'),
  ).action(runtime.action(listTemplates));
}

interface ListOptions extends PageOptions {
  readonly server?: string;
}

async function listResources(session: Session, options: ListOptions): Promise<void> {
  const api = session.api('registry');
  const { server } = options;
  showPage(session, await readPages(options, (query) => api.request(registryRoutes.resources, { query: { ...query, server } })), resourceColumns, 'There are no such resources.');
}

async function listTemplates(session: Session, options: ListOptions): Promise<void> {
  const api = session.api('registry');
  const { server } = options;
  showPage(session, await readPages(options, (query) => api.request(registryRoutes.templates, { query: { ...query, server } })), templateColumns, 'There are no such templates.');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
