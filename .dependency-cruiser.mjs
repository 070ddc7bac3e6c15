// What may import what: the table of STYLE.md as rules. `npm run check -- boundaries` applies them; tools/test/boundaries.spec.ts
// injects a violation of each and expects red.
const pureLibs = 'libs/(?:kernel|mcp-wire|policy-engine|detectors|settings)/';
const hostLib = 'libs/nest/';
const testLib = 'libs/test-engines/';
const tests = '\\.spec\\.ts$|/test/|/bench/';
const npm = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled', 'npm-no-pkg', 'npm-unknown'];
/** What a driver library may know of the log: shapes and errors. */
const logShapes = '^libs/event-log/src/(?:port|sink|stored-event)\\.ts$';

export default {
  forbidden: [
    {
      name: 'contracts-import-nothing-of-ours',
      comment: 'A contract is what crosses a process boundary: it imports contracts, and zod.',
      severity: 'error',
      from: { path: '^contracts/', pathNot: tests },
      to: { pathNot: '^contracts/|node_modules/zod/' },
    },
    {
      name: 'pure-libs-import-pure-code',
      comment: 'A pure library imports contracts and pure libraries; no driver, no service.',
      severity: 'error',
      from: { path: `^${pureLibs}`, pathNot: tests },
      to: { path: '^(?:libs|services|apps|e2e|bench|examples|tools|policies)/', pathNot: `^${pureLibs}` },
    },
    {
      name: 'pure-libs-import-named-packages',
      comment: 'Few packages, each named here with the library that may have it.',
      severity: 'error',
      from: { path: '^libs/(kernel|mcp-wire|policy-engine|detectors|settings)/', pathNot: tests },
      to: { dependencyTypes: npm, pathNot: 'node_modules/(?:zod|re2js|ipaddr\.js|@open-policy-agent/opa-wasm|@modelcontextprotocol/core)/' },
    },
    {
      name: 'kernel-imports-nothing',
      comment: 'The kernel stands below everything.',
      severity: 'error',
      from: { path: '^libs/kernel/', pathNot: tests },
      to: { pathNot: '^libs/kernel/' },
    },
    {
      name: 'pure-code-has-no-platform',
      comment: 'Contracts, pure libraries and domains run anywhere: nothing of Node.',
      severity: 'error',
      from: { path: `^(?:contracts/|${pureLibs}|services/[^/]+/src/domain/)`, pathNot: tests },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'driver-libs-not-sideways',
      comment: 'A driver library imports contracts, pure libraries and itself; of the log it may know shapes and errors.',
      severity: 'error',
      from: { path: `^libs/([^/]+)/`, pathNot: [`^(?:${pureLibs}|${hostLib}|${testLib})`, tests] },
      to: { path: '^(?:libs|services|apps|e2e|bench|examples|tools)/', pathNot: ['^libs/$1/', `^${pureLibs}`, logShapes] },
    },
    {
      name: 'libs-import-no-service',
      comment: 'A library does not know who uses it.',
      severity: 'error',
      from: { path: '^libs/', pathNot: tests },
      to: { path: '^(?:services|apps|e2e|bench|examples|tools)/' },
    },
    {
      name: 'domain-imports-contracts-and-kernel',
      comment: 'A domain is pure functions: it imports contracts, the kernel and itself.',
      severity: 'error',
      from: { path: '^services/([^/]+)/src/domain/', pathNot: tests },
      to: { pathNot: '^(?:contracts|libs/kernel|services/$1/src/domain)/' },
    },
    {
      name: 'services-not-each-other',
      comment: 'Services meet in the log and in contracts.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'services-import-no-app',
      comment: 'A service does not know how it is deployed.',
      severity: 'error',
      from: { path: '^services/', pathNot: tests },
      to: { path: '^(?:apps|e2e|bench|examples|tools)/' },
    },
    {
      name: 'typeorm-in-views-only',
      comment: 'Entities belong to views; elsewhere SQL is explicit. Types of transactions may be named anywhere.',
      severity: 'error',
      from: { path: '^services/', pathNot: ['view|entities', tests] },
      to: { path: 'node_modules/typeorm/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'outsiders-see-contracts-only',
      comment: 'Command line, console, end-to-end tests, examples and benchmarks stand outside: they import contracts. apps/embedded composes the services.',
      severity: 'error',
      from: { path: '^(?:apps|e2e|examples|bench)/', pathNot: '^apps/embedded/' },
      to: { path: '^(?:libs|services|tools|policies)/', pathNot: `^${testLib}` },
    },
    {
      name: 'test-engines-in-tests-only',
      comment: 'Engines for tests never run in production.',
      severity: 'error',
      from: { path: '^(?:contracts|libs|services|apps)/[^/]+/src/', pathNot: [tests, `^${testLib}`] },
      to: { path: `^${testLib}` },
    },
    {
      name: 'no-test-code-in-production',
      comment: 'Nothing imports a test.',
      severity: 'error',
      from: { pathNot: tests },
      to: { path: '\\.spec\\.ts$' },
    },
    {
      name: 'declared-dependencies-only',
      comment: 'A package is imported where its own package.json asks for it.',
      severity: 'error',
      from: { path: '^(?:contracts|libs|services|apps)/[^/]+/src/', pathNot: [tests, `^${testLib}`] },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    },
    { name: 'no-unresolvable', comment: 'The import leads nowhere.', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-cycles',
      comment: 'Modules that need each other are one module. Types may refer to each other.',
      severity: 'error',
      from: { pathNot: tests },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(?:^|/)dist/|^bench/.*\\.mjs$' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['customhouse-source', 'import', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
      mainFields: ['module', 'main', 'types'],
    },
    combinedDependencies: false,
  },
};
