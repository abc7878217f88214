import eslint from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import prettier from 'eslint-config-prettier'
import tseslint from 'typescript-eslint'

// The two rings: src/haproxy knows HAProxy, src/rotation knows how to take a server out and back with
// it, and neither has heard of GitHub Actions. Only the outer files may import the toolkit.
const forbid = (group, message) => ({ group, message })
const actions = forbid(['@actions/*'], 'The inner rings know nothing of GitHub Actions.')
const transportOnly = forbid(
  ['@actions/http-client*'],
  'Only src/haproxy/transport.ts sends requests.'
)
const outward = forbid(
  ['../*'],
  'src/haproxy stands alone: it imports nothing from outside its folder.'
)
const door = forbid(
  ['../*.ts'],
  'src/rotation knows nothing of the files that speak to the runner.'
)
const restrict = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] })

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', '.cache/']),
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true }
      ]
    }
  },
  { files: ['src/*.ts'], rules: restrict(transportOnly) },
  { files: ['src/rotation/**'], rules: restrict(actions, door) },
  { files: ['src/haproxy/**'], rules: restrict(actions, outward) },
  { files: ['src/haproxy/transport.ts'], rules: restrict(outward) },
  { files: ['src/**'], rules: { 'no-console': 'error' } },
  {
    files: ['**/*.js', '**/*.mjs', 'script/**'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        Buffer: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        fetch: 'readonly'
      }
    }
  },
  prettier
)
