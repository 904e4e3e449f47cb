/**
 * Web servers of the place `wan`, for Chromium in the place `lan`: a site that nobody lists, over HTTP and HTTPS, whose
 * pages open listed names in every way; and the true sites behind the listed names, one over HTTP and one over HTTPS.
 * argv: NEWS SHOP SECURE CERT KEY
 */
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'

const [news, shop, securely, cert, key] = process.argv.slice(2) as [string, string, string, string, string]

/** `/?to=URL` is a page with a link to it; `/empty` a page that scripts run in. */
const answer: RequestListener = (request, response) => {
  const to = new URL(request.url ?? '/', 'http://news').searchParams.get('to') ?? ''
  const href = to.replace(/[^\w:/.?=-]/g, '')
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' })
  response.end(
    `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>news</title><h1>news</h1><p><a href="${href}">link</a>`,
  )
}

/** Closes after each answer: a browser that is reloaded often enough stays on a kept connection, whatever DNS says. */
const shopAnswer: RequestListener = (_request, response) => {
  response.writeHead(200, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    Connection: 'close',
  })
  response.end(
    '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>shop</title><h1>The true shop</h1>',
  )
}

const keep = { keepAliveTimeout: 5000 }
const secure = { ...keep, cert: readFileSync(cert), key: readFileSync(key) }
const servers = [
  createServer(keep, answer).listen(80, news),
  createTlsServer(secure, answer).listen(443, news),
  createServer(keep, shopAnswer).listen(80, shop),
  createTlsServer(secure, shopAnswer).listen(443, securely),
]
const open = servers.map((server) => new Promise((listening) => server.once('listening', listening)))
void Promise.all(open).then(() => console.log('sites are open'))
