import type { PolicyBlastRadius, PolicyChange, PolicyChangeReport, PolicyExample } from '@customhouse/http-contract/policy-trials';
import { pairs, table } from './table.js';
import { visibleLine } from './visible.js';

const titles: Readonly<Record<PolicyChange, string>> = {
  newly_refused: 'Newly refused',
  newly_held: 'Newly held',
  newly_allowed: 'Newly allowed',
  other_terms: 'The same, on other terms',
};
const shownNames = 5;
const shownExamples = 3;

/** What a version does differently, for a person: the numbers, then who and what is concerned, with a few calls to look at. */
export function describeBlastRadius(report: PolicyBlastRadius): string {
  const { calls, unchanged, erased, unreadable, changes } = report;
  const facts = pairs([
    ['calls', calls],
    ['unchanged', unchanged],
    ...(Object.keys(titles) as PolicyChange[]).map((change) => [titles[change].toLowerCase(), changes[change].calls] as const),
    ...(erased > 0 ? [['not decided: erased', erased] as const] : []),
    ...(unreadable > 0 ? [['not decided: unreadable', unreadable] as const] : []),
  ]);
  const parts = (Object.keys(titles) as PolicyChange[]).filter((change) => changes[change].calls > 0).map((change) => describeChange(titles[change], changes[change]));
  return [facts, ...parts].join('\n');
}

function describeChange(title: string, change: PolicyChangeReport): string {
  const most = pairs([
    ['  by rule', names(change.by_rule)],
    ['  by tool', names(change.by_tool)],
    ['  by agent', names(change.by_agent)],
    ['  by person', names(change.by_person)],
  ]);
  return `${title}: ${change.calls}\n${most}${indented(examples(change.examples.slice(0, shownExamples)))}`;
}

function names({ most, others }: PolicyChangeReport['by_agent']): string {
  const left = others + most.slice(shownNames).reduce((sum, { calls }) => sum + calls, 0);
  return [...most.slice(0, shownNames).map(({ name, calls }) => `${visibleLine(name)} (${calls})`), ...(left > 0 ? [`others (${left})`] : [])].join(', ');
}

function examples(list: readonly PolicyExample[]): string {
  if (list.length === 0) return '';
  return table(list, [
    { title: 'CALL', value: (row) => row.call },
    { title: 'TARGET', value: (row) => `${row.server}/${row.tool}`, max: 40 },
    { title: 'AGENT', value: (row) => row.agent, max: 20 },
    { title: 'BEFORE', value: (row) => `${row.before.effect} (${row.before.rules[0]?.id ?? '?'})`, max: 40 },
    { title: 'AFTER', value: (row) => `${row.after.effect} (${row.after.rules[0]?.id ?? '?'})`, max: 40 },
  ]);
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
