import { Option, type Command } from 'commander';
import { scannerRoutes, type ScannerFinding } from '@customhouse/http-contract/scanner';
import { checkedUlid } from '../ids.js';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import type { Column } from '../table.js';

const columns: readonly Column<ScannerFinding>[] = [
  { title: 'RAISED', value: (row) => row.raised },
  { title: 'SEVERITY', value: (row) => row.severity },
  { title: 'RULE', value: (row) => row.rule },
  { title: 'WHERE', value: (row) => (row.call === null ? `${row.item} ${row.server}/${row.tool}` : `call ${row.call}`) },
  { title: 'LOCATION', value: (row) => row.location, max: 40 },
  { title: 'MESSAGE', value: (row) => row.message, max: 80 },
];

interface FindingFilters {
  readonly kind?: ScannerFinding['kind'];
  readonly server?: string;
  readonly tool?: string;
  readonly call?: string;
  readonly rule?: string;
  readonly severity?: ScannerFinding['severity'];
}

export function addFindings(program: Command, runtime: Runtime): void {
  const command = program
    .command('findings')
    .summary('list what the scanner found')
    .description('Lists what the scanner found in tool definitions and in recorded calls, newest first. What was found on the path of a call is in "audit show".')
    .addOption(new Option('--kind <kind>', 'what was looked at').choices(['definition', 'call']))
    .option('--server <name>', 'about this server')
    .option('--tool <name>', 'about this tool, by its own name')
    .option('--call <id>', 'about this call')
    .option('--rule <name>', 'of this detector rule')
    .addOption(new Option('--severity <severity>', 'of this severity').choices(['info', 'low', 'medium', 'high', 'critical']));
  addPageOptions(command).action(runtime.action(listFindings));
  withExamples(command, { what: 'What is bad about the tools of a server', command: 'customhouse findings --kind definition --server files' });
}

async function listFindings(session: Session, options: FindingFilters & PageOptions): Promise<void> {
  const api = session.api('scanner');
  const { kind, server, tool, rule, severity } = options;
  const call = options.call === undefined ? undefined : checkedUlid(options.call, 'a call', 'customhouse audit search');
  const page = await readPages(options, (query) => api.request(scannerRoutes.list, { query: { ...query, kind, server, tool, call, rule, severity } }));
  showPage(session, page, columns, 'Nothing was found.');
}
