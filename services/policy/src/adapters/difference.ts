import { createTwoFilesPatch } from 'diff';
import type { PolicyDifference } from '@customhouse/http-contract/policy';
import { canonicalise } from '@customhouse/kernel/canonical';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';

/** What one version has otherwise than another one, by the ids of rules and the names of files and cases. The order of rules is no difference. */
export function differenceBetween(before: PolicyVersion, after: PolicyVersion): Omit<PolicyDifference, 'from' | 'to'> {
  const rules = compare(before.rules.rules, after.rules.rules, (rule) => rule.id);
  const modules = compare(Object.entries(before.modules), Object.entries(after.modules), ([name]) => name);
  const cases = compare(before.cases, after.cases, (one) => String(one['name']));
  const nameOf = (one: PolicyVersion['cases'][number]) => String(one['name']);
  return {
    same: before.module === after.module && rules.added.length + rules.removed.length + rules.changed.length === 0,
    rules,
    modules: {
      added: modules.added.map(([name]) => name),
      removed: modules.removed.map(([name]) => name),
      changed: modules.changed.map(({ before: [name, old], after: [, text] }) => ({ name, patch: createTwoFilesPatch(name, name, old, text) })),
    },
    cases: { added: cases.added.map(nameOf), removed: cases.removed.map(nameOf), changed: cases.changed.map((change) => nameOf(change.after)) },
  };
}

function compare<Item>(before: readonly Item[], after: readonly Item[], nameOf: (item: Item) => string) {
  const [old, present] = [byName(before, nameOf), byName(after, nameOf)];
  return {
    added: [...present].flatMap(([name, item]) => (old.has(name) ? [] : [item])),
    removed: [...old].flatMap(([name, item]) => (present.has(name) ? [] : [item])),
    changed: [...old].flatMap(([name, item]) => {
      const other = present.get(name);
      return other === undefined || canonicalise(item) === canonicalise(other) ? [] : [{ before: item, after: other }];
    }),
  };
}

function byName<Item>(items: readonly Item[], nameOf: (item: Item) => string): Map<string, Item> {
  return new Map(items.map((item) => [nameOf(item), item]));
}
