// The least that Node takes to look at a server once: what the start of the action is measured against.
import { get } from 'node:http'

const [url, backend, server] = process.argv.slice(2)
get(`${url};csv;scope=${backend}`, { agent: false }, async (response) => {
  let csv = ''
  for await (const text of response.setEncoding('utf8')) csv += text
  const row = csv.split('\n').find((line) => line.startsWith(`${backend},${server},`))
  console.log(row.split(',')[17])
})
