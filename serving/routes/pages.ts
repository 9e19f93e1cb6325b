// GET /:env/:useCase and /:env/:useCase/:page: what was published last, or at a snapshot, as HTML; the ETag is the snapshot.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PerennialError } from '../../core/errors.ts';
import { pageDocument, reportDocument } from '../../core/report/html.ts';
import type { PublishedReport } from '../../core/report/published.ts';
import type { AppDeps } from '../app.ts';
import { jsonSchema, PagePath, PageQuery, problems, ReportPath } from '../schemas.ts';

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'private, no-cache',
};

const HTML = { description: 'HTML', content: { 'text/html': { schema: { type: 'string' } } } };

export const pageRoutes = (app: FastifyInstance, deps: AppDeps): void => {
  const response = { 200: HTML, 304: { description: 'Unchanged', type: 'null' }, ...problems(400, 404, 500, 503) };
  const querystring = jsonSchema(PageQuery);
  app.get<{ Params: ReportPath; Querystring: PageQuery }>(
    '/:env/:useCase',
    {
      config: { policy: 'pages.read' },
      schema: { summary: 'The whole report', params: jsonSchema(ReportPath), querystring, response },
    },
    (request, reply) => answer(deps, request, reply, reportDocument),
  );
  app.get<{ Params: PagePath; Querystring: PageQuery }>(
    '/:env/:useCase/:page',
    {
      config: { policy: 'pages.read' },
      schema: { summary: 'One page of the report', params: jsonSchema(PagePath), querystring, response },
    },
    (request, reply) => answer(deps, request, reply, (report) => pageOf(report, request.params.page)),
  );
};

type PageRequest = FastifyRequest<{ Params: ReportPath; Querystring: PageQuery }>;

const answer = async (
  { environment, reports }: AppDeps,
  { params, query, headers }: PageRequest,
  reply: FastifyReply,
  render: (report: PublishedReport) => string,
): Promise<FastifyReply> => {
  if (params.env !== environment) throw unknown('environment', params.env, `This server shows ${environment}`);
  const found = await reports.latest(params.useCase, query.at === undefined ? undefined : Number(query.at));
  if (!found) throw unknown('report', params.useCase, 'Run the use case first, or ask for a later snapshot');
  const etag = `"${found.report.snapshot}-${found.sha256.slice(0, 12)}"`;
  reply.headers({ ...HEADERS, etag });
  if (headers['if-none-match'] === etag) return reply.code(304).send();
  return reply.send(render(found.report));
};

const pageOf = (report: PublishedReport, name: string): string => {
  const document = pageDocument(report, name);
  if (document !== undefined) return document;
  throw unknown('page', name, `Choose one of ${report.pages.map((page) => page.name).join(', ')}`);
};

const unknown = (field: string, value: string, mend: string): PerennialError =>
  new PerennialError('UNKNOWN_NAME', `No such ${field}`, { field, value, mend });
