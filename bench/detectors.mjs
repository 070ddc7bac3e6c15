// How well the built-in detectors do on labelled texts: `node bench/detectors.mjs FOLDER` after `npm run build`.
// FOLDER holds secrets, tool-definitions and injection as `<name>.jsonl.gz`, one object a line with `label` (1 attack, 0 benign),
// `family`, where known `cluster` (rows with the same value are near-duplicates), and `text` or `tool`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { inspect } from '@customhouse/detectors/inspect';
import { builtInPack } from '@customhouse/detectors/rule-pack';

function read(folder, name) {
  const text = gunzipSync(readFileSync(join(folder, `${name}.jsonl.gz`))).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** Wilson's 95 % interval of a share. */
function wilson(hits, all) {
  if (all === 0) return [0, 1];
  const z = 1.959964;
  const share = hits / all;
  const middle = share + (z * z) / (2 * all);
  const half = z * Math.sqrt((share * (1 - share)) / all + (z * z) / (4 * all * all));
  const scale = 1 + (z * z) / all;
  return [(middle - half) / scale, (middle + half) / scale];
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Counting near-duplicates of benign rows once: a catalogue's favourite sentence is one mistake, not a hundred. */
function withoutDuplicates(rows) {
  const seen = new Set();
  return rows.filter((row) => {
    if (row.label === 1 || row.cluster === undefined) return true;
    if (seen.has(row.cluster)) return false;
    seen.add(row.cluster);
    return true;
  });
}

function report(title, rows, flagged, groupOf) {
  const groups = new Map();
  const count = (key, label, hit) => {
    const group = groups.get(key) ?? { hits: 0, all: 0, label };
    group.all += 1;
    if (hit) group.hits += 1;
    groups.set(key, group);
  };
  for (const row of withoutDuplicates(rows)) {
    const hit = flagged(row);
    count(row.label === 1 ? 'all attacks' : 'all benign', row.label, hit);
    count(`${groupOf(row)}${row.label === 1 ? '' : ' (benign)'}`, row.label, hit);
  }
  console.log(`\n${title}\n\n| rows | rate | flagged | of | share | 95 % interval |\n| --- | --- | ---: | ---: | ---: | --- |`);
  for (const [name, group] of [...groups].sort(
    ([a, one], [b, two]) => two.label - one.label || Number(b.startsWith('all ')) - Number(a.startsWith('all ')) || a.localeCompare(b),
  )) {
    const [low, high] = wilson(group.hits, group.all);
    console.log(`| ${name} | ${group.label === 1 ? 'TPR' : 'FPR'} | ${group.hits} | ${group.all} | ${percent(group.hits / group.all)} | ${percent(low)} to ${percent(high)} |`);
  }
}

function fires(part, value, rules) {
  return inspect(builtInPack, part, value).some((finding) => finding.severity !== 'low' && finding.severity !== 'info' && rules(finding.rule));
}

/** Processor time of one inspection, best of ten rounds, so that a busy machine says the same as an idle one. */
function cost(part, value) {
  const used = () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  };
  const rounds = [];
  for (let round = 0; round < 10; round += 1) {
    const begun = used();
    for (let index = 0; index < 20_000; index += 1) inspect(builtInPack, part, value);
    rounds.push((used() - begun) / 20_000);
  }
  return Math.min(...rounds).toFixed(1);
}

function reportCost() {
  const sentence = 'The quick brown fox jumps over the lazy dog while forty two engineers review the quarterly report about latency, disks and feedback in seven regions. ';
  const items = Array.from({ length: 12 }, (_item, index) => ({ id: index, name: `item ${index}`, url: `https://example.com/items/${index}`, tags: ['a', 'b'] }));
  const values = [
    ['a result of 1 KB of prose', 'result', { content: [{ type: 'text', text: sentence.repeat(7).slice(0, 1_024) }] }],
    ['a result of 1 KB of JSON in a text', 'result', { content: [{ type: 'text', text: JSON.stringify(items) }] }],
    ['arguments of 150 bytes', 'arguments', { message: 'y'.repeat(100), path: '/home/user/project/readme.md', count: 3 }],
  ];
  console.log('\nCost\n\n| value | CPU µs |\n| --- | ---: |');
  for (const [name, part, value] of values) console.log(`| ${name} | ${cost(part, JSON.parse(JSON.stringify(value)))} |`);
}

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node bench/detectors.mjs FOLDER');
  process.exit(2);
}
const isCredential = (rule) => rule === 'credential';
const isAttack = (rule) => rule !== 'credential' && rule !== 'inspection-truncated';
const secrets = read(folder, 'secrets');
const definitions = read(folder, 'tool-definitions');
const injection = read(folder, 'injection');
console.log(`rule pack ${builtInPack.version}, threshold ${builtInPack.threshold}`);
report(
  'Tool definitions: any finding but credentials',
  definitions,
  (row) => fires('definition', row.tool, isAttack),
  (row) => (row.axes ? `${row.family}: ${row.axes.paradigm}, ${row.axes.encoding === 'plain' ? 'plain' : 'encoded'}` : row.family),
);
report(
  'Results: any finding but credentials',
  injection,
  (row) => fires('result', row.text, isAttack),
  (row) => row.family,
);
report(
  'Credentials',
  secrets,
  (row) => fires('result', row.text, isCredential),
  (row) => row.family,
);
report(
  'Credentials where there should be none',
  [...injection, ...definitions].filter((row) => row.label === 0),
  (row) => fires('result', row.text ?? row.tool, isCredential),
  (row) => row.family,
);

reportCost();
