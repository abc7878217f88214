import type { InputName } from './defaults.ts'
import type { InputReader } from './input-reader.ts'

/** Reads a percentage from 0% to 100%, decimals allowed, as a share from 0 to 1. */
export function readShare(reader: InputReader, name: InputName): number {
  const text = reader.text(name)
  const digits = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text)?.[1]
  if (digits === undefined || Number(digits) > 100) {
    reader.refuse(name, `"${text}" is not a percentage from 0% to 100%, such as 5% or 0.5%.`)
  }
  return Number(digits) / 100
}
