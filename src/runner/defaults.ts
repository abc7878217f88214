/** Every input with its default as action.yml gives it; an empty value always means the default. */
export const DEFAULTS = {
  'stats-url': '',
  username: '',
  password: '',
  backend: '',
  server: '',
  action: '',
  expect: '',
  wait: 'true',
  'wait-timeout': '5m',
  'poll-interval': '1s',
  'settle-time': '1s',
  'max-sessions': '0',
  'on-timeout': 'fail',
  'hard-stop-after': '',
  'same-address': 'refuse',
  'min-up': '1',
  'min-up-timeout': '0s',
  'fresh-check': 'true',
  'bake-time': '0s',
  'max-error-rate': '5%',
  restore: 'never',
  'dry-run': 'false',
  'request-timeout': '10s',
  'ca-certificate': '',
  'client-certificate': '',
  'client-key': '',
  'tls-verify': 'true',
  'job-status': '${{ job.status }}'
} as const satisfies Record<string, string>

/** The name of an input. */
export type InputName = keyof typeof DEFAULTS
