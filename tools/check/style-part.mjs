import { root } from '../generate/root.mjs';
import { documentProblems } from './documents.mjs';
import { readTree, styleProblems } from './style.mjs';

const files = readTree(root);
const problems = [...styleProblems(files), ...documentProblems(files)];
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
