import { Backend } from '../../src/rotation/backend.ts'
import { Instance } from '../../src/rotation/instance.ts'
import type { Target } from '../../src/rotation/target.ts'
import type { ImitatedPage } from '../support/imitated-page.ts'
import type { Stage } from './stage.ts'

/** How {@link backendOf} looks at a page; everything has a default. */
export interface BackendOptions {
  readonly name?: string
  readonly targets?: readonly string[]
  readonly followers?: readonly string[]
  readonly instance?: Instance
}

/** A backend as one look at a page shows it: by default `web`, with the target `a`. */
export async function backendOf(
  stage: Stage,
  page: ImitatedPage,
  options: BackendOptions = {}
): Promise<Backend> {
  const { name = 'web', targets = ['a'], followers = [] } = options
  const { instance = new Instance(page.page, stage.clock) } = options
  const seen = await page.page.look({ signal: stage.cancelled }, name)
  return new Backend(instance, name, { targets, followers }, seen)
}

/** A target or follower of a backend, by its name. */
export function targetIn({ targets, followers }: Backend, name = 'a'): Target {
  const found = [...targets, ...followers].find(({ before }) => before.name === name)
  if (found === undefined) throw new Error(`The backend has no target ${name}`)
  return found
}
