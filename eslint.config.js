import eslint from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import prettier from 'eslint-config-prettier'
import tseslint from 'typescript-eslint'

// Three rings: src/haproxy knows HAProxy, src/rotation knows deploys, src/runner knows GitHub Actions.
// Imports point inward only, and only src/runner may import the toolkit.
const forbid = (group, message) => ({ group, message })
const actions = forbid(['@actions/*'], 'Only src/runner knows GitHub Actions.')
const transportOnly = forbid(['@actions/http-client*'], 'Only src/haproxy sends requests.')
const outsideHaproxy = forbid(['../*'], 'src/haproxy imports nothing from outside its folder.')
const outsideRotation = forbid(
  ['../*', '!../haproxy', '!../haproxy/**'],
  'src/rotation imports from itself and from src/haproxy only.'
)
const story = forbid(['../*.ts'], 'The files of src/runner do not import the story that uses them.')
const printing = {
  group: ['@actions/core'],
  importNames: ['info', 'debug', 'notice', 'warning', 'error', 'setFailed', 'startGroup', 'group'],
  message: 'Only src/runner/log.ts prints.'
}
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
  { files: ['src/*.ts'], rules: restrict(actions) },
  { files: ['src/runner/**'], rules: restrict(transportOnly, story, printing) },
  { files: ['src/runner/log.ts'], rules: restrict(transportOnly, story) },
  { files: ['src/rotation/**'], rules: restrict(actions, outsideRotation) },
  { files: ['src/haproxy/**'], rules: restrict(actions, outsideHaproxy) },
  {
    files: ['src/haproxy/{transport,request-setup,resolve-host}.ts'],
    rules: restrict(outsideHaproxy)
  },
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
