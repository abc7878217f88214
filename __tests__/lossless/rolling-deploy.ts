import { setTimeout as sleep } from 'node:timers/promises'
import { type Application } from '../support/application.ts'
import { type Farm } from '../support/farm.ts'
import { type ActionResult, runAction } from '../support/runner.ts'

const downMs = 800
const warmUpMs = 700

/** How {@link rollingDeploy} goes. */
export interface Plan {
  /** The HAProxies in front of the same applications. */
  readonly farms: readonly [Farm, ...Farm[]]
  /** More inputs of the steps that take a node out. */
  readonly takeOut?: Readonly<Record<string, string>>
  /** Happens while a node is being taken out. */
  readonly meanwhile?: (node: string) => Promise<void>
  /** The node that does not get well after its restart. */
  readonly broken?: string
}

/**
 * Deploys node after node as a job does, and like a job stops at the first red step: takes the node out,
 * kills it, starts it again slowly, brings it back.
 */
export async function rollingDeploy(plan: Plan): Promise<ActionResult[]> {
  const { farms, takeOut, meanwhile, broken } = plan
  const steps: ActionResult[] = []
  const isGreen = async (step: Promise<ActionResult>): Promise<boolean> => {
    const result = await step
    steps.push(result)
    return result.exitCode === 0
  }
  for (const application of farms[0].applications) {
    const inputs = {
      'stats-url': farms.map(({ statsUrl }) => statsUrl).join('\n'),
      backend: farms[0].backend,
      server: application.name
    }
    const takingOut = isGreen(runAction({ ...inputs, action: 'maint', ...takeOut }))
    await Promise.all([takingOut, meanwhile?.(application.name)])
    if (!(await takingOut)) break
    await restart(application, application.name === broken)
    if (!(await isGreen(runAction({ ...inputs, action: 'ready', 'wait-timeout': '6s' })))) break
  }
  return steps
}

/** Resolves when the application runs again, but does not pass its health check yet, or never will. */
async function restart(application: Application, broken: boolean): Promise<void> {
  await application.stop()
  await sleep(downMs)
  application.health = 503
  await application.start()
  if (!broken) setTimeout(() => (application.health = 200), warmUpMs)
}
