import { root } from '../generate/root.mjs';
import { readTree, styleProblems } from './style.mjs';

const problems = styleProblems(readTree(root));
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
