import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { policyRoutes, type PolicyDifference } from '@customhouse/http-contract/policy';
import { versionNumber } from '../ids.js';
import { isFolder, readSources } from '../policy-folder.js';
import { writeFolder } from '../policy-starter.js';
import { CliProblem } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { pairs } from '../table.js';
import { jsonObject, readInput } from '../values.js';
import { visibleBlock, visibleLine } from '../visible.js';

/** Commands about what versions are made of: files, differences, bundles, keys. */
export function addPolicySources(policy: Command, runtime: Runtime): void {
  const init = policy
    .command('init')
    .summary('begin a folder to write a policy in')
    .description('Writes a version into a folder: rules.yaml, Rego with its tests, cases, and the schemas by which editors check them while you type.')
    .argument('<folder>', 'a folder that does not exist yet, or is empty')
    .option('--policy-version <number>', 'another version than the one that decides')
    .option('--example', 'with an example of Rego, where the version has none')
    .action(runtime.action(initFolder));
  withExamples(init, { what: 'Begin with what decides now', command: 'customhouse policy init policy --example' });

  const check = policy
    .command('check')
    .summary('see whether rules and Rego are valid')
    .description('Reads and compiles rules and Rego, and stores nothing. Every fault is named with its line. Tests and cases are not looked at: for those there is "policy test".')
    .argument('<path>', 'a rule file, or a folder as "policy init" makes one; "-" reads rules from standard input')
    .action(runtime.action(checkSources));
  withExamples(check, { what: 'Before a commit', command: 'customhouse policy check policy' });

  const diff = policy
    .command('diff')
    .summary('compare versions')
    .description('Shows what is different in rules, Rego and cases: between two versions, between the one that decides and another, or between a version and files.')
    .argument('<to>', 'number of a version, a folder, or a rule file')
    .option('--from <version>', 'another version than the one that decides')
    .action(runtime.action(diffVersions));
  withExamples(
    diff,
    { what: 'What would change if version 7 decided?', command: 'customhouse policy diff 7' },
    { what: 'What have I changed in this folder?', command: 'customhouse policy diff policy' },
  );

  policy
    .command('export')
    .summary('write a version to a file')
    .description('Writes a version as a bundle: one file with rules, Rego, tests, cases, digest and signature.')
    .argument('<version>', 'number of a version')
    .option('-o, --output <file>', 'instead of standard output')
    .action(runtime.action(exportVersion));
  policy
    .command('import')
    .summary('store the version in a bundle')
    .description('Stores the version in a bundle as a new version, which decides nothing yet. Digest and signature are verified, and its tests are run here.')
    .argument('<file>', 'a bundle; "-" reads standard input')
    .option('--recompile', 'take the bundle of another release, too: its rules and Rego, compiled by this one')
    .action(runtime.action(importVersion));
  policy
    .command('sign')
    .summary('sign a version that was stored before there was a key')
    .description('Signs a version that was stored before there was a key, or under a key that is no longer trusted. Look at it first: "policy show" tells its digest.')
    .argument('<version>', 'number of a version')
    .option('--digest <digest>', 'only if this is its digest; left out: the one that it has now')
    .action(runtime.action(signVersion));
  policy
    .command('keys')
    .summary('show which keys sign versions')
    .description('Shows the key that signs versions here, in the form that CUSTOMHOUSE_INGRESS_POLICY_KEYS_FILE holds, and the keys whose bundles are taken.')
    .action(runtime.action(showKeys));
}

async function initFolder(session: Session, { policyVersion, example }: { readonly policyVersion?: string; readonly example?: true }, folder: string): Promise<void> {
  const api = session.api('policy');
  const version = policyVersion === undefined ? await api.request(policyRoutes.active) : await api.request(policyRoutes.show, { params: { number: versionNumber(policyVersion) } });
  const files = writeFolder(folder, version, example === true);
  session.terminal.result(
    { folder, version: version.number, files },
    () => `${folder} holds version ${version.number}: ${files.filter((name) => !name.startsWith('.')).join(', ')}\n`,
  );
}

async function checkSources(session: Session, _: object, path: string): Promise<void> {
  const { rules, modules } = readSources(path, session.surroundings.readStdin);
  const deciding = Object.fromEntries(Object.entries(modules).filter(([name]) => !name.endsWith('_test.rego')));
  const { digest } = await session.api('policy').request(policyRoutes.check, { body: { rules, modules: deciding } });
  session.terminal.result({ valid: true, digest }, () => `${path} is valid\n`);
}

async function diffVersions(session: Session, { from }: { readonly from?: string }, to: string): Promise<void> {
  const target = /^\d+$/.test(to) && !isFolder(to) ? { to: versionNumber(to) } : { candidate: readSources(to, session.surroundings.readStdin) };
  const difference = await session.api('policy').request(policyRoutes.difference, { body: { ...(from !== undefined && { from: versionNumber(from) }), ...target } });
  session.terminal.result(difference, () => describeDifference(difference, to));
}

function describeDifference({ from, same, rules, modules, cases }: PolicyDifference, to: string): string {
  const text = (rule: unknown) => visibleBlock(stringify([rule], { lineWidth: 0 }));
  const marked = (sign: string, rule: unknown) => text(rule).replaceAll(/^(?=.)/gm, sign);
  const parts = [
    ...rules.removed.map((rule) => marked('- ', rule)),
    ...rules.changed.map(({ before, after }) => marked('- ', before) + marked('+ ', after)),
    ...rules.added.map((rule) => marked('+ ', rule)),
    ...modules.removed.map((name) => `- ${name}\n`),
    ...modules.changed.map(({ patch }) => visibleBlock(patch)),
    ...modules.added.map((name) => `+ ${name}\n`),
    ...cases.removed.map((name) => `- case: ${visibleLine(name)}\n`),
    ...cases.changed.map((name) => `~ case: ${visibleLine(name)}\n`),
    ...cases.added.map((name) => `+ case: ${visibleLine(name)}\n`),
  ];
  if (parts.length === 0) return same ? `Version ${from} and ${to} are the same.\n` : `Version ${from} and ${to} have the same sources, and were compiled by different releases.\n`;
  return `${parts.join('')}\n${same ? 'Both decide alike.' : `Version ${from} and ${to} may decide differently: try "customhouse policy simulate".`}\n`;
}

async function exportVersion(session: Session, { output }: { readonly output?: string }, version: string): Promise<void> {
  const bundle = await session.api('policy').request(policyRoutes.exportBundle, { params: { number: versionNumber(version) } });
  const text = `${JSON.stringify(bundle, undefined, 2)}\n`;
  if (output === undefined) return session.terminal.result(bundle, () => text);
  try {
    writeFileSync(output, text);
  } catch (error) {
    throw new CliProblem('failed', `cannot write ${output}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
  const { number, digest, signature } = bundle.policy;
  session.terminal.result(
    { file: output, number, digest, signed_by: signature?.key ?? null },
    () => `Version ${number} is in ${output}${signature ? '' : ', and nobody has signed it'}.\n`,
  );
}

async function importVersion(session: Session, { recompile }: { readonly recompile?: true }, file: string): Promise<void> {
  const bundle = jsonObject(readInput(file, session.surroundings.readStdin), file);
  const stored = await session.api('policy').request(policyRoutes.importBundle, { body: { bundle, recompile: recompile === true } });
  session.terminal.result(
    stored,
    () => `Version ${stored.origin?.number} of the bundle is stored as version ${stored.number} and decides nothing yet: customhouse policy activate ${stored.number}\n`,
  );
}

async function signVersion(session: Session, { digest }: { readonly digest?: string }, version: string): Promise<void> {
  const api = session.api('policy');
  const params = { number: versionNumber(version) };
  const signed = await api.request(policyRoutes.sign, { params, body: { digest: digest ?? (await api.request(policyRoutes.show, { params })).digest } });
  session.terminal.result(signed, () => `Version ${signed.number} with the digest ${signed.digest} is signed with the key ${signed.signed_by}.\n`);
}

async function showKeys(session: Session): Promise<void> {
  const keys = await session.api('policy').request(policyRoutes.keys);
  session.terminal.result(keys, () => {
    const facts = pairs([
      ['signs', keys.signing?.key ?? 'nobody: CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE is not set'],
      ['trusted', keys.trusted.join(', ') || 'everybody'],
    ]);
    return `${facts}${keys.signing ? `\n${keys.signing.public_key}` : ''}`;
  });
}
