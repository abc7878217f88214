import { afterEach } from '@jest/globals'
import { ImitatedPage, type ImitatedServer } from '../support/imitated-page.ts'
import type { Given } from './in-process.ts'

/** Starts imitated pages, each of which is stopped when its test is over. */
export function pageStarter(): (...servers: readonly ImitatedServer[]) => Promise<ImitatedPage> {
  const pages: ImitatedPage[] = []
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.stop()))
  })
  return async (...servers) => {
    const page = await ImitatedPage.start(servers)
    pages.push(page)
    return page
  }
}

/** The inputs of a step for server `a` of the backend `web` on these pages. */
export function inputsFor(pages: readonly ImitatedPage[], more: Given): Given {
  const urls = pages.map(({ url }) => url).join('\n')
  return { 'stats-url': urls, backend: 'web', server: 'a', ...more }
}
