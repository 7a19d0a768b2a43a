import type {FastifyInstance} from 'fastify';
import {ROUTE_RIGHTS} from '../permit.ts';
import {makeDocument, published} from './document.ts';
import {pageOf} from './page.ts';

/** Of the API: it changes when something that worked does not any more. */
const API_DOCUMENT_VERSION = '1.0.0';

/** The document, and the same to read: open to everybody, as the source is. */
export function registerDocument(server: FastifyInstance): void {
  // Made when somebody asks: most processes never are.
  const document = () => published(makeDocument(ROUTE_RIGHTS, API_DOCUMENT_VERSION));

  server.get('/openapi.json', async (_request, reply) => {
    // Any page may read it: generators and viewers run in browsers.
    reply.type('application/json; charset=utf-8').header('access-control-allow-origin', '*');
    return JSON.stringify(document());
  });

  server.get('/docs', async (_request, reply) => {
    reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'").header('x-content-type-options', 'nosniff');
    return pageOf(document());
  });
}
