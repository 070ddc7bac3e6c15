// One configuration, four projects: unit (nothing started), integration (real engines, see libs/test-engines), e2e, compose.
const base = {
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testEnvironment: 'node',
  // A name of our own: packages of others have a condition `source`, and TypeScript behind it.
  testEnvironmentOptions: { customExportConditions: ['customhouse-source', 'node'] },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2024', parser: { syntax: 'typescript', decorators: true }, transform: { legacyDecorator: true, useDefineForClassFields: false } },
        module: { type: 'es6' },
      },
    ],
  },
  // Some packages (eventsource) have a `source` condition of their own that leads to their TypeScript.
  transformIgnorePatterns: ['/node_modules/.+\\.[cm]?js$'],
  modulePathIgnorePatterns: ['/dist/', '<rootDir>/.cache/'],
};

export default {
  projects: [
    { ...base, displayName: 'unit', testMatch: ['**/*.spec.ts'], testPathIgnorePatterns: ['/node_modules/', '\\.(int|e2e|compose)\\.spec\\.ts$'] },
    {
      ...base,
      displayName: 'integration',
      testMatch: ['**/*.int.spec.ts'],
      globalSetup: '<rootDir>/libs/test-engines/jest/global-setup.mjs',
      globalTeardown: '<rootDir>/libs/test-engines/jest/global-teardown.mjs',
    },
    { ...base, displayName: 'e2e', testMatch: ['**/*.e2e.spec.ts'] },
    // Builds and starts the containers: `npm run test:compose`.
    { ...base, displayName: 'compose', testMatch: ['**/*.compose.spec.ts'] },
  ],
};
