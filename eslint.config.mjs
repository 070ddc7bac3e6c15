// Rules that find faults, not taste: prettier does the form, tools/check/style.mjs the sizes and names.
import tseslint from 'typescript-eslint';

/** What makes a function depend on more than its arguments. */
const impure = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: 'Time is an input here: take it as an argument.' },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Time is an input here: take it as an argument.' },
  { selector: "CallExpression[callee.name='Date']", message: 'Time is an input here: take it as an argument.' },
  { selector: "MemberExpression[object.name='Math'][property.name='random']", message: 'Randomness is an input here: take it as an argument.' },
];
const waiting = [
  { selector: 'AwaitExpression', message: 'A domain decides and does not wait: do it outside, and pass in what came of it.' },
  { selector: ':function[async=true]', message: 'A domain decides and does not wait: do it outside, and pass in what came of it.' },
  { selector: 'ForOfStatement[await=true]', message: 'A domain decides and does not wait: do it outside, and pass in what came of it.' },
];
const tests = ['**/*.spec.ts', '**/test/**'];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.cache/**', '.nx/**', 'coverage/**', 'data/**', 'contracts/published/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts', '**/*.mts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-require-imports': 'error',
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': 'allow-with-description', 'ts-ignore': true, 'ts-nocheck': true }],
    },
  },
  {
    files: ['**/*.{ts,mts,mjs,js}'],
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-debugger': 'error',
      'no-empty': 'error',
      'no-eval': 'error',
      'no-new-func': 'error',
      'no-self-compare': 'error',
      'no-throw-literal': 'error',
      'no-unreachable': 'error',
      'no-unsafe-finally': 'error',
      'no-var': 'error',
      'prefer-const': ['error', { ignoreReadBeforeAssign: true }],
      'use-isnan': 'error',
      'valid-typeof': 'error',
    },
  },
  { files: ['{contracts,libs,services}/*/src/**/*.ts'], ignores: tests, rules: { 'no-console': 'error' } },
  { files: ['{contracts,libs,services,apps}/*/src/**/*.ts', 'tools/**/*.mjs'], ignores: tests, rules: { 'max-lines-per-function': ['error', { max: 70, skipComments: true }] } },
  { files: ['libs/{kernel,mcp-wire,policy-engine,detectors}/src/**/*.ts', 'contracts/*/src/**/*.ts'], ignores: tests, rules: { 'no-restricted-syntax': ['error', ...impure] } },
  { files: ['services/*/src/domain/**/*.ts'], ignores: tests, rules: { 'no-restricted-syntax': ['error', ...impure, ...waiting] } },
  { files: tests, rules: { '@typescript-eslint/no-explicit-any': 'off' } },
);
