/** /v1/files: what fine-tuning learns from. */
import multipart from '@fastify/multipart';
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';
import { MillraceError } from '../../../core/errors.ts';
import type { Upload } from '../../jobs/files.ts';
import type { Jobs } from '../../jobs/jobs.ts';
import { pageOf } from '../../jobs/page.ts';
import { accountOf, type Context } from '../context.ts';
import { fileObject, listObject } from '../openai/job-format.ts';
import { FileQuery } from '../openai/job-schemas.ts';
import { refuse } from '../openai/parse.ts';
import { parsePage } from '../openai/parse-job.ts';

const maxPage = 10_000;
/** Bounds of a form beside its file. */
const formLimits = { files: 1, fields: 8, parts: 10, fieldNameSize: 100, fieldSize: 1_000, headerPairs: 20 };

type ById = { readonly id: string };

export function fileRoutes(app: FastifyInstance, _context: Context, jobs: Jobs): void {
  app.register(async (forms) => {
    await forms.register(multipart, { limits: { ...formLimits, fileSize: jobs.files.maxFileBytes } });
    forms.post('/v1/files', { schema: { summary: 'Upload a file to learn from' } }, async (request) => {
      if (!request.isMultipart()) refuse('a file is uploaded as multipart/form-data.', 'file');
      const account = accountOf(request);
      const reservation = await account.reserve(0);
      try {
        return fileObject(await jobs.files.upload(account.tenant, () => receive(request)));
      } finally {
        reservation.settle(0);
      }
    });
  });

  app.get<{ Querystring: FileQuery }>(
    '/v1/files',
    { schema: { querystring: FileQuery, summary: 'Uploaded files' } },
    async (request) => {
      const { order, purpose, ...page } = request.query;
      const files = jobs.files.list(accountOf(request).tenant);
      const ordered = order === 'asc' ? files : files.reverse();
      const wanted = purpose === undefined || purpose === 'fine-tune' ? ordered : [];
      return listObject(pageOf(wanted, parsePage(page, maxPage, maxPage)), fileObject);
    },
  );

  app.get<{ Params: ById }>('/v1/files/:id', { schema: { summary: 'One file' } }, async (request) =>
    fileObject(jobs.files.get(accountOf(request).tenant, request.params.id)),
  );

  app.get<{ Params: ById }>(
    '/v1/files/:id/content',
    { schema: { summary: 'What a file holds, as it was stored' } },
    async (request, reply) => {
      const content = jobs.files.content(accountOf(request).tenant, request.params.id);
      return reply.type('application/jsonl').send(content);
    },
  );

  app.delete<{ Params: ById }>('/v1/files/:id', { schema: { summary: 'Delete a file' } }, async (request) => {
    const { id } = request.params;
    await jobs.removeFile(accountOf(request).tenant, id);
    return { id, object: 'file', deleted: true };
  });
}

/** Throws invalid_argument, and what the form's limits throw. */
async function receive(request: FastifyRequest): Promise<Upload> {
  try {
    return await read(request);
  } catch (error) {
    // What is neither ours nor a limit's is the parser's word about a broken form.
    if (error instanceof MillraceError || (error as FastifyError).statusCode !== undefined) throw error;
    return refuse('the form is broken or ends too early.', 'file');
  }
}

/** The form's parts in whatever order they come. */
async function read(request: FastifyRequest): Promise<Upload> {
  let file: Upload | null = null;
  let purpose: unknown;
  for await (const part of request.parts()) {
    const name = part.fieldname.slice(0, 40);
    if (part.type === 'file' && name === 'file') {
      file = { filename: part.filename, bytes: await part.toBuffer() };
    } else if (part.type === 'field' && name === 'purpose') {
      purpose = part.value;
    } else {
      refuse(`the form has "${name}", which is not supported.`, name);
    }
  }
  if (purpose !== 'fine-tune') refuse('"purpose" is "fine-tune"; others are not supported.', 'purpose');
  return file ?? refuse('the form has no "file".', 'file');
}
