import { describe, expect, it } from '@jest/globals';
import { documentProblems } from '../check/documents.mjs';

const good: Readonly<Record<string, string>> = {
  'package.json': '{ "scripts": { "check": "x", "test:compose": "y" } }',
  'README.md':
    'See [why](docs/adr/why.md#context), [the code](libs/kernel/src), [the site](https://example.com) and `[no](link)`. Run `npm run check`, `npm run test:compose`, `npm start`.\n',
  'docs/adr/why.md': '[back](../../README.md) [here](#top) Set `CUSTOMHOUSE_LOG_URL` or `CUSTOMHOUSE_LOG_URL_FILE`; `CUSTOMHOUSE_KAFKA_*` too.\n',
  'docs/reference/settings.md': '| `CUSTOMHOUSE_LOG_URL` | … `CUSTOMHOUSE_LOG_URL_FILE` |\n',
  'libs/kernel/src/time.ts': '/** See docs/adr/why.md. */\nexport const time = 1;\n',
  'docker-compose.yml': 'environment:\n  CUSTOMHOUSE_LOG_URL: "${CUSTOMHOUSE_PORT:-1}"\n',
};

function problems(added: Readonly<Record<string, string>> = {}): string[] {
  return documentProblems(new Map(Object.entries({ ...good, ...added })));
}

describe('the check of documents', () => {
  it('has nothing against documents that are true', () => {
    expect(problems()).toEqual([]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['a link to nothing', { 'docs/a.md': '[x](gone.md)\n' }, 'docs/a.md links to gone.md, which does not exist'],
    ['a link out of its folder to nothing', { 'docs/a.md': '[x](../gone/)\n' }, 'docs/a.md links to ../gone/, which does not exist'],
    ['a page that code names', { 'libs/kernel/src/a.ts': '// docs/how-to/gone.md\n' }, 'libs/kernel/src/a.ts names docs/how-to/gone.md, which does not exist'],
    ['a script that is not there', { 'docs/a.md': 'npm run gone\n' }, 'docs/a.md says npm run gone, and there is no such script'],
    ['a setting that is not there', { 'docs/a.md': '`CUSTOMHOUSE_LOG_URI`\n' }, 'docs/a.md names CUSTOMHOUSE_LOG_URI, which is neither'],
    ['a deployment that sets what nobody reads', { 'docker-compose.yml': 'CUSTOMHOUSE_SPOOL_DIR: /spool\n' }, 'docker-compose.yml names CUSTOMHOUSE_SPOOL_DIR, which is neither'],
  ])('turns red for %s', (_, added, problem) => {
    const found = problems(added);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(problem);
  });
});
