// docs/reference/errors.md: problems of the control API, and JSON-RPC errors of the MCP endpoint.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { problemKindsOf } from '@customhouse/http-contract/openapi';
import { errorCodes } from '@customhouse/mcp-wire/errors';
import { cell, notice, root } from './root.mjs';
import { routeTables } from './route-tables.mjs';

export async function errorsReference() {
  const page = [
    notice,
    '',
    '# Errors',
    '',
    '## The MCP endpoint',
    '',
    'Answers of JSON-RPC carry the `code`; `data.rule` is the word. A call that policy refuses is not an error but a result with `isError`, which agents can read.',
    '',
    '| rule | code | meaning |',
    '|---|---|---|',
    ...jsonRpcRows(),
    '',
    '## The control API',
    '',
    'Answers are `application/problem+json` (RFC 9457). `code` is for programs; `detail` says what was wrong this time and what to do.',
    '',
    '| code | status | meaning |',
    '|---|---|---|',
    ...(await problems()).map((kind) => `| \`${kind.code}\` | ${kind.status} | ${cell(`${kind.title}. ${kind.help}`)} |`),
    '',
  ];
  return new Map([['docs/reference/errors.md', page.join('\n')]]);
}

/** Every problem that some route lists or the host can make. One code has one meaning in all services. */
export async function problems() {
  const kinds = new Map();
  for (const table of (await routeTables()).values()) {
    for (const kind of Object.values(table).flatMap(problemKindsOf)) {
      const known = kinds.get(kind.code);
      if (known && JSON.stringify(known) !== JSON.stringify(kind)) throw new Error(`the problem "${kind.code}" is declared twice with different meanings`);
      kinds.set(kind.code, kind);
    }
  }
  return [...kinds.values()].sort((a, b) => a.status - b.status || (a.code < b.code ? -1 : 1));
}

/** The words stand as comments above the codes. */
function jsonRpcRows() {
  const source = readFileSync(join(root, 'libs/mcp-wire/src/errors.ts'), 'utf8');
  return Object.entries(errorCodes).map(([rule, code]) => {
    const meaning = new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*'?${rule}'?:`).exec(source)?.[1];
    if (!meaning) throw new Error(`libs/mcp-wire/src/errors.ts does not say what ${rule} means`);
    return `| \`${rule}\` | ${code} | ${cell(meaning.replaceAll(/^\s*\*?\s?/gm, '').trim())} |`;
  });
}
