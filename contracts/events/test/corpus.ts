import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventTopics, parseWireType, type EventDeclaration } from '@customhouse/events/catalogue';
import { Envelope } from '@customhouse/events/envelope';
import { upcast } from '@customhouse/events/upcast';
import { canonicalise } from '@customhouse/kernel/canonical';
import { z } from 'zod';

/** What was ever written to a log, as examples, beside the code that must read it for ever. */
export interface Corpus {
  readonly catalogue: ReadonlyMap<string, EventDeclaration>;
  /** Text by path below the folder of fixtures: `call.admitted/v1/allowed.json`. */
  readonly fixtures: ReadonlyMap<string, string>;
  /** Digest of the shape by type and version, written when the version was frozen. */
  readonly digests: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export const digestFile = 'digests.json';

export function readCorpus(catalogue: Corpus['catalogue'], folder: string): Corpus {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.json') && path !== digestFile);
  return {
    catalogue,
    fixtures: new Map(paths.sort().map((path) => [path, readFileSync(join(folder, path), 'utf8')])),
    digests: JSON.parse(readFileSync(join(folder, digestFile), 'utf8')) as Corpus['digests'],
  };
}

/** SHA-256 over the JSON Schema without its words: they may change, what is accepted may not. */
export function shapeDigest(declaration: EventDeclaration): string {
  const schema = z.toJSONSchema(declaration.schema, { io: 'output' });
  return createHash('sha256')
    .update(canonicalise(withoutWords(schema)))
    .digest('hex');
}

function withoutWords(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutWords);
  if (typeof value !== 'object' || value === null) return value;
  // A member that happens to be called `description` has a schema, and not a text.
  const kept = Object.entries(value).filter(([key, member]) => !(['description', 'title', '$schema'].includes(key) && typeof member === 'string'));
  return Object.fromEntries(kept.map(([key, member]) => [key, withoutWords(member)]));
}

/** What is wrong with the corpus, one sentence for each fault. */
export function problemsOf(corpus: Corpus): string[] {
  return [...corpus.catalogue.values()].flatMap((declaration) => declarationProblems(declaration, corpus)).concat(strayProblems(corpus), fixtureProblems(corpus));
}

function declarationProblems(declaration: EventDeclaration, { fixtures, digests }: Corpus): string[] {
  const { type, version } = declaration;
  const problems: string[] = [];
  for (let past = 1; past <= version; past += 1) {
    if (![...fixtures.keys()].some((path) => path.startsWith(`${type}/v${past}/`)))
      problems.push(`${type} version ${past} has no fixture: add contracts/events/fixtures/${type}/v${past}/<name>.json`);
    if (digests[type]?.[past] === undefined) problems.push(`${type} version ${past} is not frozen: npm run freeze -- ${type}`);
    if (past < version && !declaration.upcasters[past]) problems.push(`${type} has no upcaster from version ${past}`);
  }
  for (const step of Object.keys(declaration.upcasters)) if (Number(step) >= version) problems.push(`${type} has an upcaster from version ${step}, and is version ${version}`);
  const frozen = digests[type]?.[version];
  if (frozen !== undefined && frozen !== shapeDigest(declaration))
    problems.push(`the schema of ${type} version ${version} was edited in place: make it version ${version + 1}, with an upcaster and a fixture`);
  return problems;
}

/** What was recorded once is never forgotten. */
function strayProblems({ catalogue, digests, fixtures }: Corpus): string[] {
  const frozen = Object.entries(digests).flatMap(([type, versions]) => Object.keys(versions).map((version) => [type, Number(version)] as const));
  const kept = [...fixtures.keys()].map((path) => /^([^/]+)\/v(\d+)\//.exec(path)).map((match) => [match?.[1] ?? '', Number(match?.[2])] as const);
  const stray = [...frozen, ...kept].filter(([type, version]) => !((catalogue.get(type)?.version ?? 0) >= version));
  return [...new Set(stray.map(([type, version]) => `${type || 'a fixture'} version ${version} is in the corpus and not in the catalogue: logs still have it`))];
}

function fixtureProblems({ catalogue, fixtures }: Corpus): string[] {
  return [...fixtures].flatMap(([path, text]) => {
    const match = /^([^/]+)\/v(\d+)\/[a-z0-9-]+\.json$/.exec(path);
    if (!match) return [`${path} is not where a fixture belongs: <type>/v<version>/<name>.json`];
    const declaration = catalogue.get(match[1]!);
    return declaration && Number(match[2]) <= declaration.version ? contentProblems(path, text, declaration, Number(match[2]), catalogue) : [];
  });
}

function contentProblems(path: string, text: string, declaration: EventDeclaration, version: number, catalogue: Corpus['catalogue']): string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [`${path} is not JSON`];
  }
  if (text !== `${canonicalise(value)}\n`) return [`${path} is not in canonical form: npm run freeze -- ${declaration.type}`];
  const envelope = Envelope.safeParse(value);
  if (!envelope.success) return [`${path} is not an event: ${z.prettifyError(envelope.error)}`];
  const wire = parseWireType(envelope.data.type);
  if (wire?.type !== declaration.type || wire.version !== version) return [`${path} holds a ${envelope.data.type}`];
  const chained = (eventTopics as readonly string[]).includes(declaration.topic);
  const chain = [envelope.data.instance, envelope.data.epoch, envelope.data.sequence, envelope.data.previoushash];
  if (chain.some((member) => (member !== undefined) !== chained)) return [`${path} ${chained ? 'has no whole' : 'has a'} source chain, and its topic is ${declaration.topic}`];
  return dataProblems(path, envelope.data.data, declaration, version, catalogue);
}

function dataProblems(path: string, data: unknown, declaration: EventDeclaration, version: number, catalogue: Corpus['catalogue']): string[] {
  let current: unknown;
  try {
    current = upcast(declaration.type, version, data, catalogue).data;
  } catch (error) {
    return [`${path} cannot be brought to version ${declaration.version}: ${error instanceof Error ? error.message : String(error)}`];
  }
  const parsed = declaration.schema.safeParse(current);
  if (!parsed.success) return [`${path} does not fit version ${declaration.version}: ${z.prettifyError(parsed.error)}`];
  return canonicalise(parsed.data) === canonicalise(current) ? [] : [`${path} is changed by its own schema: an event's schema has no defaults or transforms`];
}
