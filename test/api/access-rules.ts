/**
 * Who may call each route, what a good call looks like, and what becomes of one that names another tenant's objects.
 * test/api/access.test.ts holds the routes that are really registered against this table: a route without a rule fails.
 */
import { modelId } from './gateway.ts';

/** What a tenant has. */
export interface Objects {
  readonly tenant: string;
  /** Of an answer that was given. */
  readonly response: string;
  readonly feedback: string;
  readonly memory: string;
  readonly file: string;
  readonly job: string;
  /** Id of a version of an adapter. */
  readonly adapter: string;
  /** Name of a model that is served by that version. */
  readonly tuned: string;
  /** A word that stands in all that the tenant has said. */
  readonly mark: string;
}

export interface Call {
  /** Where it is not the route's own, which has no parameter then. */
  readonly path?: string;
  readonly body?: object | FormData;
}

interface Refusal {
  readonly status: number;
  readonly code: string | null;
}

export interface Rule {
  readonly scope: 'inference' | 'admin' | 'public';
  readonly call?: (objects: Objects) => Call;
  /** Statuses of a call by who may; 200 by default. */
  readonly answered?: readonly number[];
  /** What another tenant's objects are refused with, or why the call names none. */
  readonly others: Refusal | string;
  /** Its objects, or the server, are not what they were before. */
  readonly spends?: true;
}

const missing = (code: string): Refusal => ({ status: 404, code });
const namesNone = 'it names no object of a tenant';
const listsOwn = "it lists the caller's own";
const allTenants = "the operator's, of all tenants";
const base = { model: modelId, max_tokens: 2 };

export const rules: Readonly<Record<string, Rule>> = {
  'api GET /health/live': { scope: 'public', others: namesNone },
  'api GET /health/ready': { scope: 'public', others: namesNone },
  'api GET /health/startup': { scope: 'public', others: namesNone },
  'api GET /openapi.json': { scope: 'public', others: namesNone },
  'api GET /metrics': { scope: 'inference', others: namesNone },
  'api GET /v1/models': { scope: 'inference', others: namesNone },
  'api GET /v1/models/:id': {
    scope: 'inference',
    call: () => ({ path: `/v1/models/${modelId}` }),
    others: 'models are served to all tenants',
  },
  'api POST /v1/completions': {
    scope: 'inference',
    call: ({ tuned }) => ({ body: { ...base, model: tuned, prompt: 'hello' } }),
    others: missing('version_not_found'),
  },
  'api POST /v1/chat/completions': {
    scope: 'inference',
    call: ({ tuned }) => ({
      body: { ...base, model: tuned, messages: [{ role: 'user', content: 'hello' }] },
    }),
    others: missing('version_not_found'),
  },
  'api POST /v1/embeddings': {
    scope: 'inference',
    call: () => ({ body: { model: modelId, input: 'a' } }),
    // There is no encoder here.
    answered: [404],
    others: namesNone,
  },
  'api POST /v1/score': {
    scope: 'inference',
    call: () => ({ body: { model: modelId, input: [{ prompt: 'a', completion: 'b' }] } }),
    others: namesNone,
  },
  'api POST /tokenize': { scope: 'inference', call: () => ({ body: { content: 'a' } }), others: namesNone },
  'api POST /detokenize': { scope: 'inference', call: () => ({ body: { tokens: [1] } }), others: namesNone },
  'api POST /v1/feedback': {
    scope: 'inference',
    call: ({ response }) => ({ body: { kind: 'rating', response_id: response, value: 1 } }),
    answered: [202],
    others: missing('response_not_found'),
  },
  'api GET /v1/feedback/:id': {
    scope: 'inference',
    call: ({ feedback }) => ({ path: `/v1/feedback/${feedback}` }),
    others: missing('feedback_not_found'),
  },
  'api GET /v1/memory': { scope: 'inference', others: listsOwn },
  'api POST /v1/memory': {
    scope: 'inference',
    call: () => ({ body: { question: 'Which colour?', answer: 'Blue.' } }),
    answered: [201],
    others: namesNone,
  },
  'api GET /v1/memory/:id': {
    scope: 'inference',
    call: ({ memory }) => ({ path: `/v1/memory/${memory}` }),
    others: missing('memory_not_found'),
  },
  'api POST /v1/memory/:id': {
    scope: 'inference',
    call: ({ memory, mark }) => ({ path: `/v1/memory/${memory}`, body: { answer: `${mark}, changed` } }),
    others: missing('memory_not_found'),
  },
  'api DELETE /v1/memory/:id': {
    scope: 'inference',
    call: ({ memory }) => ({ path: `/v1/memory/${memory}` }),
    others: missing('memory_not_found'),
    spends: true,
  },
  'api GET /v1/files': { scope: 'inference', others: listsOwn },
  'api POST /v1/files': {
    scope: 'inference',
    call: ({ mark }) => ({ body: formOf(mark) }),
    others: namesNone,
  },
  'api GET /v1/files/:id': {
    scope: 'inference',
    call: ({ file }) => ({ path: `/v1/files/${file}` }),
    others: missing('file_not_found'),
  },
  'api GET /v1/files/:id/content': {
    scope: 'inference',
    call: ({ file }) => ({ path: `/v1/files/${file}/content` }),
    others: missing('file_not_found'),
  },
  'api DELETE /v1/files/:id': {
    scope: 'inference',
    call: ({ file }) => ({ path: `/v1/files/${file}` }),
    // The file that a job waits for is not to be had.
    answered: [200, 400],
    others: missing('file_not_found'),
    spends: true,
  },
  'api GET /v1/fine_tuning/jobs': { scope: 'inference', others: listsOwn },
  'api POST /v1/fine_tuning/jobs': {
    scope: 'inference',
    call: ({ file }) => ({ body: { model: modelId, training_file: file } }),
    others: missing('file_not_found'),
  },
  'api GET /v1/fine_tuning/jobs/:id': {
    scope: 'inference',
    call: ({ job }) => ({ path: `/v1/fine_tuning/jobs/${job}` }),
    others: missing('job_not_found'),
  },
  'api GET /v1/fine_tuning/jobs/:id/events': {
    scope: 'inference',
    call: ({ job }) => ({ path: `/v1/fine_tuning/jobs/${job}/events` }),
    others: missing('job_not_found'),
  },
  'api GET /v1/fine_tuning/jobs/:id/checkpoints': {
    scope: 'inference',
    call: ({ job }) => ({ path: `/v1/fine_tuning/jobs/${job}/checkpoints` }),
    others: missing('job_not_found'),
  },
  'api POST /v1/fine_tuning/jobs/:id/cancel': {
    scope: 'inference',
    call: ({ job }) => ({ path: `/v1/fine_tuning/jobs/${job}/cancel` }),
    others: missing('job_not_found'),
    spends: true,
  },

  'admin GET /health/live': { scope: 'public', others: namesNone },
  'admin GET /health/ready': { scope: 'public', others: namesNone },
  'admin GET /health/startup': { scope: 'public', others: namesNone },
  'admin GET /metrics': { scope: 'admin', others: allTenants },
  'admin GET /admin/models': { scope: 'admin', others: allTenants },
  'admin GET /admin/learning': { scope: 'admin', others: allTenants },
  'admin POST /admin/learning/pause': { scope: 'admin', call: () => ({ body: {} }), others: allTenants },
  'admin POST /admin/learning/resume': { scope: 'admin', call: () => ({ body: {} }), others: allTenants },
  'admin GET /admin/versions': { scope: 'admin', others: allTenants },
  'admin GET /admin/versions/:id': {
    scope: 'admin',
    call: ({ adapter }) => ({ path: `/admin/versions/${adapter}` }),
    others: allTenants,
  },
  'admin POST /admin/versions/diff': {
    scope: 'admin',
    call: ({ tenant }) => ({ body: { tenant, a: 'base', b: 'base', prompts: ['a'] } }),
    others: allTenants,
  },
  'admin POST /admin/versions/:id/promote': {
    scope: 'admin',
    call: ({ adapter, tenant }) => ({ path: `/admin/versions/${adapter}/promote`, body: { tenant } }),
    others: allTenants,
  },
  'admin POST /admin/rollback': {
    scope: 'admin',
    call: ({ tenant }) => ({ body: { tenant } }),
    answered: [200, 404],
    others: allTenants,
  },
  'admin POST /admin/canary': {
    scope: 'admin',
    call: ({ tenant, adapter }) => ({ body: { tenant, version: adapter } }),
    answered: [200, 400],
    others: allTenants,
  },
  'admin POST /admin/shadow': {
    scope: 'admin',
    call: ({ tenant, adapter }) => ({ body: { tenant, version: adapter } }),
    others: allTenants,
  },
  'admin POST /admin/undo': {
    scope: 'admin',
    call: ({ tenant, feedback }) => ({ body: { tenant, row: feedback } }),
    others: allTenants,
    spends: true,
  },
  'admin GET /admin/trials': {
    scope: 'admin',
    call: ({ tenant }) => ({ path: `/admin/trials?tenant=${tenant}` }),
    others: allTenants,
  },
  'admin GET /admin/replicas': { scope: 'admin', others: allTenants },
  'admin GET /admin/bases': { scope: 'admin', others: allTenants },
  'admin POST /admin/base': {
    scope: 'admin',
    call: () => ({ body: { version: 'imported' } }),
    // There is no folder of models here.
    answered: [404],
    others: allTenants,
  },
  'admin POST /admin/consolidate': {
    scope: 'admin',
    call: ({ tenant }) => ({ body: { tenant } }),
    answered: [202, 400],
    others: allTenants,
  },
  'admin POST /admin/drain': { scope: 'admin', call: () => ({ body: {} }), others: allTenants, spends: true },
};

/** A file to learn from, as a form. */
export function formOf(mark: string): FormData {
  const messages = [
    { role: 'user', content: `${mark}?` },
    { role: 'assistant', content: `${mark}!` },
  ];
  const form = new FormData();
  form.append('purpose', 'fine-tune');
  form.append('file', new Blob([`${JSON.stringify({ messages })}\n`]), 'rows.jsonl');
  return form;
}
