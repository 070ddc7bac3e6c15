import type { CallDetail, EventSummary, Payload } from '@customhouse/http-contract/audit';
import { pairs } from './table.js';
import { visibleBlock, visibleLine } from './visible.js';

/** Everything about one call, for a person. */
export function describeCall(call: CallDetail): string {
  const facts = pairs([
    ['call', call.call],
    ['status', call.status + (call.reason ? `: ${call.reason}` : '') + (call.error === true ? ' (the tool reported an error)' : '')],
    ['agent', call.agent],
    ['person', call.person],
    ['client', call.client && `${call.client.name} ${call.client.version}`],
    ['from', call.address],
    ['session', call.session],
    ['method', call.method],
    ['asked during', call.during],
    [call.method === 'tools/call' || call.method === null ? 'tool' : 'target', call.exposed ?? call.tool],
    ['server', call.server],
    ['decision', call.effect && `${call.effect}, by policy version ${call.policy?.number ?? '?'}`],
    ['approval', call.approval],
    ['findings', call.findings.join(', ')],
    ['upstream', call.upstream_ms === null ? null : `${call.upstream_ms} ms`],
  ]);
  const rules = call.rules.map((rule) => `  ${rule.effect.padEnd(6)}  ${visibleLine(rule.id)}: ${visibleLine(rule.reason)}\n`).join('');
  const anomalies = call.anomalies.length > 0 ? `\nThe record contradicts itself: ${call.anomalies.map(visibleLine).join(', ')}\n` : '';
  return `${facts}\nRules\n${rules || '  -\n'}\nArguments\n${payloadText(call.arguments)}\nResult\n${payloadText(call.result)}\nEvents\n${timeline(call.timeline)}${anomalies}`;
}

function timeline(events: readonly EventSummary[]): string {
  const longest = Math.max(0, ...events.map((event) => event.type.length));
  return events.map((event) => `  ${event.time}  ${event.type.padEnd(longest)}  ${visibleLine(event.summary ?? '')}\n`).join('') || '  -\n';
}

/** The largest payload that is shown; `--json` has it whole. */
const most = 4_000;

function payloadText(payload: Payload | null): string {
  if (payload === null) return '  -\n';
  switch (payload.state) {
    case 'open': {
      const text = visibleBlock(JSON.stringify(payload.value, undefined, 2));
      return indented(text.length > most ? `${text.slice(0, most)}\n… ${text.length - most} more characters; --json shows all` : text);
    }
    case 'erased':
      return `  erased: nobody can read it any more (${payload.bytes} bytes, digest ${payload.digest})\n`;
    case 'sealed':
      return `  sealed: reading it needs the role auditor (${payload.bytes} bytes, digest ${payload.digest})\n`;
    case 'unreadable':
      return `  unreadable: ${visibleLine(payload.problem)} (${payload.bytes} bytes, digest ${payload.digest})\n`;
  }
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}\n`)
    .join('');
}
