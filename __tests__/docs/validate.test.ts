import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { Actionlint } from './actionlint.ts'
import { documentedExamples, type Example, usesOfThisAction } from './examples.ts'
import { LanguageService } from './language-service.ts'
import { blocksOf, documents, filesIn, read, root } from './repository.ts'

interface Manifest {
  readonly inputs: Readonly<Record<string, { readonly required?: boolean }>>
  readonly runs: Readonly<Record<string, string>>
}

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, string>>
}

interface Workflow {
  readonly on: { readonly workflow_call: { readonly secrets: object } }
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly permissions?: object
        readonly outputs?: Readonly<Record<string, string>>
        readonly steps: readonly Step[]
      }
    >
  >
}

// Bundling the language service takes a while on a machine that is busy.
jest.setTimeout(180_000)

let service: LanguageService
let actionlint: Actionlint
beforeAll(async () => {
  service = await LanguageService.load()
  actionlint = new Actionlint()
})
afterAll(() => {
  actionlint.stop()
})

async function problems({ file, kind, text }: Omit<Example, 'place'>): Promise<string[]> {
  const said = await service.problems(file, text)
  return [
    ...said,
    ...(kind === 'workflow' ? await actionlint.problems(file, text) : []),
    ...checkUses(text)
  ]
}

/** The language service looks into workflows only, and not at `./`; this looks into all of it. */
function checkUses(text: string): string[] {
  const { inputs } = parse(read('action.yml')) as Manifest
  const required = Object.keys(inputs).filter((name) => inputs[name]?.required === true)
  return usesOfThisAction(text).flatMap((use) => [
    ...use.inputs.filter((name) => !(name in inputs)).map((name) => `no such input: ${name}`),
    ...required.filter((name) => !use.inputs.includes(name)).map((name) => `missing: ${name}`)
  ])
}

function fileOf(path: string): Example {
  const text = read(path)
  const kind = 'runs' in (parse(text) as object) ? 'action' : 'workflow'
  // An example becomes a workflow where somebody puts it.
  const file = kind === 'workflow' ? `.github/workflows/${path.split('/').at(-1) ?? ''}` : path
  return { place: path, file, kind, text }
}

const own = [
  'action.yml',
  ...filesIn('.github/workflows', /\.yml$/),
  ...filesIn('.github/actions', /\.yml$/)
].map(fileOf)
const examples = filesIn('examples', /\.yml$/).map(fileOf)
const documented = documentedExamples()

test('there is something of every kind to check', () => {
  expect(own.length).toBeGreaterThanOrEqual(5)
  expect(examples.length).toBeGreaterThanOrEqual(3)
  expect(new Set(documented.map(({ place }) => place.split(':')[0])).size).toBeGreaterThan(5)
})

test.each([...own, ...examples].map((example) => [example.place, example] as const))(
  '%s is valid',
  async (_, example) => {
    expect(await problems(example)).toEqual([])
  }
)

test.each(documented.map((example) => [example.place, example] as const))(
  'the example at %s is valid',
  async (_, example) => {
    expect(await problems(example)).toEqual([])
  }
)

describe('the check itself finds', () => {
  const steps = (text: string): Omit<Example, 'place'> => ({
    file: '.github/workflows/example.yml',
    kind: 'workflow',
    text: `on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n${text}`
  })
  const given = 'stats-url: x, backend: b, server: s, action: ready'
  const caller = (inputs: string): Omit<Example, 'place'> => ({
    file: '.github/workflows/example.yml',
    kind: 'workflow',
    text: `on: push\njobs:\n  a:\n    uses: OWNER/haproxy-server-state/.github/workflows/rolling-deploy.yml@v1\n    with: {${inputs}}\n`
  })
  const called = "backend: b, servers: '[]', deploy-command: y, runs-on: z"

  test.each([
    [
      'an unknown input',
      steps(`      - uses: OWNER/haproxy-server-state@v1\n        with: {${given}, wiat: 1}\n`),
      'no such input: wiat'
    ],
    [
      'a missing input',
      steps('      - uses: ./\n        with: {stats-url: x, backend: b, server: s}\n'),
      'missing: action'
    ],
    [
      'a name that no expression knows',
      steps('      - run: echo ${{ secret.X }}\n'),
      "Unrecognized named-value: 'secret'"
    ],
    [
      'a self reference that leads nowhere',
      steps('      - uses: $/.github/actions/elf\n'),
      'Unable to resolve action'
    ],
    ['an unknown input of the reusable workflow', caller(`${called}, wiat: x`), 'wiat'],
    ['a missing input of the reusable workflow', caller('stats-url: x'), 'backend'],
    [
      'a runner that was not said',
      caller("backend: b, servers: '[]', deploy-command: y"),
      'runs-on'
    ],
    [
      'an output of a step that is not there',
      steps('      - run: echo "$X"\n        env: {X: "${{ steps.nobody.outputs.x }}"}\n'),
      'property "nobody" is not defined'
    ],
    [
      'an action whose default names what it may not',
      {
        file: 'action.yml',
        kind: 'action' as const,
        text: read('action.yml').replace('${{ job.status }}', '${{ secrets.X }}')
      },
      "Unrecognized named-value: 'secrets'"
    ]
  ])('%s', async (_, example, message) => {
    expect((await problems(example)).join('\n')).toContain(message)
  })

  test('an example that is neither steps, nor jobs, nor an action', () => {
    expect(() => usesOfThisAction('uses: OWNER/haproxy-server-state/nowhere@v1')).toThrow(
      'No way to refer to this repository'
    )
  })
})

describe('the reusable workflow', () => {
  const { on, jobs, ...top } = parse(read('.github/workflows/rolling-deploy.yml')) as Workflow
  const [out, back] = usesIn('server')
  const [before] = usesIn('before')
  const [after] = usesIn('after')
  function usesIn(job: string): Step[] {
    return (jobs[job]?.steps ?? []).filter(({ uses }) => uses?.startsWith('$/'))
  }
  const { inputs } = parse(read('action.yml')) as Manifest
  const all = Object.keys(inputs)

  test('hands on every input that can matter when a server is taken out', () => {
    const ofReturns = ['bake-time', 'max-error-rate']
    const not = ['expect', 'wait', ...ofReturns, 'job-status']
    expect(Object.keys(out?.with ?? {})).toEqual(all.filter((name) => !not.includes(name)))
  })

  test('hands on every input that can matter when a server is brought back', () => {
    const ofTakeOuts = ['same-address', 'min-up-timeout', 'restore']
    const not = ['expect', 'wait', ...ofTakeOuts, 'job-status']
    expect(Object.keys(back?.with ?? {})).toEqual(all.filter((name) => !not.includes(name)))
  })

  test('hands on every input that can matter when the fleet is looked at, before and after', () => {
    const ofPages = ['stats-url', 'username', 'password', 'request-timeout', 'tls-verify']
    const ofTls = ['ca-certificate', 'client-certificate', 'client-key']
    const names = [...ofPages, ...ofTls, 'backend', 'server', 'action', 'expect']
    expect(Object.keys(before?.with ?? {})).toEqual(all.filter((name) => names.includes(name)))
    const server = '${{ needs.before.outputs.fleet }}'
    expect(after?.with).toEqual({ ...before?.with, server })
    expect([before?.with?.['action'], before?.with?.['expect']]).toEqual(['status', 'up'])
  })

  test('hands on each of them under its own name', () => {
    for (const { with: given = {} } of [out, back].filter((step) => step !== undefined)) {
      for (const [name, value] of Object.entries(given)) {
        const special: Record<string, string> = {
          'stats-url': '${{ secrets.HAPROXY_STATS_URL || inputs.stats-url }}',
          password: '${{ secrets.HAPROXY_PASSWORD }}',
          'client-key': '${{ secrets.HAPROXY_CLIENT_KEY }}',
          server: "${{ join(matrix.server, ' ') }}"
        }
        const expected = special[name] ?? `\${{ inputs.${name} }}`
        expect(name === 'action' ? expected : value).toBe(expected)
      }
    }
    expect([out?.with?.['action'], back?.with?.['action']]).toEqual([
      '${{ inputs.take-out }}',
      'ready'
    ])
  })

  test('takes no permission away from the deploy command, and gives none to any other job', () => {
    expect(top).not.toHaveProperty('permissions')
    for (const [name, { permissions }] of Object.entries(jobs)) {
      expect([name, permissions]).toEqual([name, name === 'server' ? undefined : {}])
    }
  })

  test('puts nothing that a caller gives into a script', () => {
    const scripts = Object.values(jobs).flatMap(({ steps }) =>
      steps.flatMap(({ run }) => run ?? [])
    )
    expect(scripts.length).toBeGreaterThan(3)
    for (const script of scripts) expect(script).not.toContain('${{')
  })

  test('says of every secret where it is used, and uses none that a caller cannot pass', () => {
    const used = read('.github/workflows/rolling-deploy.yml').match(/(?<=\bsecrets\.)\w+/g)
    expect([...new Set(used)].sort()).toEqual(Object.keys(on.workflow_call.secrets).sort())
  })

  test('notes the end of as many jobs as it says it can', () => {
    const { outputs = {} } = jobs['server'] ?? {}
    expect(Object.keys(outputs)).toHaveLength(32)
    for (const [name, value] of Object.entries(outputs)) {
      expect(value).toBe(`\${{ steps.end.outputs.${name} }}`)
    }
  })
})

test('the manifest for self references says what action.yml says', () => {
  const manifest = parse(read('action.yml')) as Manifest
  const { main = '', post = '', using } = manifest.runs
  const up = (path: string): string => `../../../${path}`
  expect(parse(read('.github/actions/self/action.yml'))).toEqual({
    ...manifest,
    runs: { using, main: up(main), post: up(post) }
  })
})

describe('the workflows of this project', () => {
  const paths = filesIn('.github/workflows', /\.yml$/)

  test('pin every action of others to a commit, with its version beside it', () => {
    for (const path of paths) {
      const uses = read(path).match(/(?<=^ *(?:- )?uses: )\S.*$/gm) ?? []
      for (const each of uses.filter((line) => !/^(\.\/|\$\/)/.test(line))) {
        expect(`${path}: ${each}`).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
      }
    }
  })

  test('leave no credentials behind, may read only unless they say so, and never run twice at once', () => {
    for (const path of paths) {
      const text = read(path)
      const checkouts = text.match(/uses: actions\/checkout@/g) ?? []
      expect(text.match(/persist-credentials: false/g) ?? []).toHaveLength(checkouts.length)
      const { permissions, concurrency } = parse(text) as Record<string, unknown>
      // A called workflow has its caller's; see above.
      const isCalled = path.endsWith('/rolling-deploy.yml')
      expect(permissions).toEqual(isCalled ? undefined : { contents: 'read' })
      expect(concurrency).toBeDefined()
    }
  })
})

test.each([...filesIn('.github/ISSUE_TEMPLATE', /\.yml$/), '.github/dependabot.yml'])(
  '%s is YAML with what GitHub asks for',
  (path) => {
    const content = parse(read(path)) as Record<string, unknown>
    const keys: Record<string, readonly string[]> = {
      'dependabot.yml': ['version', 'updates'],
      'config.yml': ['blank_issues_enabled']
    }
    const wanted = keys[path.split('/').at(-1) ?? ''] ?? ['name', 'description', 'body']
    for (const key of wanted) expect(content).toHaveProperty(key)
  }
)

describe('what the documentation says of itself', () => {
  const links = documents().flatMap((path) =>
    [...read(path).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(
      ([, target = '']) => [path, target] as const
    )
  )
  test.each(links)('%s links to %s, which is there', (path, target) => {
    const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : ''
    const resolved = new URL(target, `file:///${folder}`).pathname.slice(1)
    expect(existsSync(join(root, resolved))).toBe(true)
  })

  test('no page is longer than one can read in one go, but for those in which one looks something up', () => {
    const lookedUp = /(architecture|benchmarks|haproxy-facts|troubleshooting)\.md$/
    for (const path of filesIn('docs', /\.md$/).filter((path) => !lookedUp.test(path))) {
      expect([path, read(path).split('\n').length < 100]).toEqual([path, true])
    }
  })

  test('every fence is of a language that is checked, or of one that needs no check', () => {
    const checked = ['yaml', 'haproxy', 'mermaid']
    const unchecked = ['sh', 'text', 'ini']
    for (const path of documents()) {
      const languages = [...read(path).matchAll(/^ *```(\S+)/gm)].map(
        ([, language = '']) => language
      )
      expect(languages.filter((name) => ![...checked, ...unchecked].includes(name))).toEqual([])
      expect(blocksOf(path, 'yaml').length).toBe(languages.filter((name) => name === 'yaml').length)
    }
  })
})
