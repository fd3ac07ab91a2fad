import grafana from '@grafana/eslint-config';

const rules = Array.isArray(grafana) ? grafana : [grafana];

export default [
  { ignores: ['dist/', 'harness-dist/', 'node_modules/'] },
  ...rules,
  {
    files: ['**/*.{ts,tsx}'],
    rules: {
      'react/react-in-jsx-scope': 'off', // the automatic runtime
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'name what you export' }],
      '@typescript-eslint/no-explicit-any': 'error',
      curly: 'error',
      eqeqeq: 'error',
    },
  },
  { files: ['vitest.config.mts'], rules: { 'no-restricted-syntax': 'off' } },
];
