import { learningLayout } from '../../../core/registry/learning-layout.ts';
import { exportAdapter, importAdapter } from '../adapter-files.ts';
import { type AdminClient, adminOf, type Json } from '../admin-client.ts';
import { type Command, type Invocation, UsageError } from '../command.ts';
import { configOf } from '../settings.ts';
import { table } from '../table.ts';

interface Call {
  readonly invocation: Invocation;
  /** What follows the verb. */
  readonly words: readonly string[];
  readonly admin: AdminClient;
  /** Model and tenant, as bodies name them. */
  readonly whose: { readonly model?: string; readonly tenant: string };
}

interface Verb {
  readonly usage: string;
  readonly numWords: number;
  run(call: Call): Promise<string>;
}

const shown = (json: unknown): string => `${JSON.stringify(json, null, 2)}\n`;

async function list({ admin, whose, invocation }: Call): Promise<string> {
  const query = new URLSearchParams({ ...whose });
  if (invocation.options.tenant === undefined) query.delete('tenant');
  const { data } = (await admin.get(`/admin/versions?${query}`)) as { data: readonly Json[] };
  if (invocation.options.json !== undefined) return shown(data);
  const columns = ['id', 'status', 'tenant', 'num_rows', 'recipe', 'gate', 'parent', 'created_at'];
  return table(
    columns,
    data.map((row) => columns.map((column) => String(row[column] ?? '-'))),
  );
}

async function diff({ admin, whose, words, invocation }: Call): Promise<string> {
  const [a, b, ...prompts] = words as [string, string, ...string[]];
  if (prompts.length === 0) throw new UsageError('diff needs at least one prompt.');
  const { data } = (await admin.post('/admin/versions/diff', { ...whose, a, b, prompts })) as {
    data: readonly { prompt: string; a: string; b: string; same: boolean }[];
  };
  if (invocation.options.json !== undefined) return shown(data);
  const texts = data.map((each) =>
    each.same ? `${each.prompt}\n  = ${each.a}\n` : `${each.prompt}\n  ${a}: ${each.a}\n  ${b}: ${each.b}\n`,
  );
  return texts.join('\n');
}

async function canary({ admin, whose, words: [version, percent] }: Call): Promise<string> {
  const share = percent === undefined ? {} : { percent: Number(percent) };
  return shown(await admin.post('/admin/canary', { ...whose, version: orNull(version!), ...share }));
}

const orNull = (word: string): string | null => (word === 'none' ? null : word);

async function undo({ admin, whose, invocation }: Call): Promise<string> {
  const { row, account } = invocation.options;
  return shown(await admin.post('/admin/undo', { ...whose, row, account }));
}

async function bringIn({ admin, whose, words: [from], invocation }: Call): Promise<string> {
  const { values } = configOf(invocation);
  const { adapters } = learningLayout(values['learning.dir']);
  const { id } = await importAdapter({
    from: from!,
    modelsDir: values['models.dir'],
    model: whose.model ?? values['models.default'],
    tenant: whose.tenant,
    adapters,
    now: new Date(),
  });
  if (invocation.options.promote === undefined) return `${id}\n`;
  return shown(await admin.post(`/admin/versions/${id}/promote`, whose));
}

async function takeOut({ words: [id, to], invocation }: Call): Promise<string> {
  const { adapters } = learningLayout(configOf(invocation).values['learning.dir']);
  const { shape } = await exportAdapter(adapters, id!, to!);
  return `${to}: PEFT LoRA of rank ${shape.rank}, ${shape.targets.join(', ')}\n`;
}

async function bases({ admin, whose, invocation }: Call): Promise<string> {
  const query = new URLSearchParams(whose.model === undefined ? {} : { model: whose.model });
  return basesTable(invocation, await admin.get(`/admin/bases?${query}`));
}

async function moveBase({ admin, whose, words: [version], invocation }: Call): Promise<string> {
  const { tenant: _, ...model } = whose;
  return basesTable(invocation, await admin.post('/admin/base', { ...model, version }));
}

function basesTable(invocation: Invocation, answer: Json): string {
  if (invocation.options.json !== undefined) return shown(answer);
  const { data, consolidation } = answer as {
    data: readonly (Json & { readonly merged: readonly unknown[] })[];
    consolidation: { open: Json | null; latest: Json | null };
  };
  const cells = data.map((row) => [
    row.served ? '*' : '',
    String(row.id),
    row.imported ? 'imported' : `${row.merged.length} merged`,
    String(row.gate ?? '-'),
    String(row.created_at),
  ]);
  const { open, latest } = consolidation;
  const lines = [
    open && `under way since ${open.requested_at} for ${open.tenant}: ${open.adapter}`,
    latest?.reason && `refused at ${latest.ended_at}: ${latest.reason}`,
  ].filter(Boolean);
  return [table(['', 'id', 'origin', 'gate', 'created_at'], cells), ...lines.map((line) => `${line}\n`)].join(
    '',
  );
}

const verbs: Readonly<Record<string, Verb>> = {
  list: { usage: 'list', numWords: 0, run: list },
  show: {
    usage: 'show <version>',
    numWords: 1,
    run: async ({ admin, words: [id] }) =>
      shown(await admin.get(`/admin/versions/${encodeURIComponent(id!)}`)),
  },
  diff: { usage: 'diff <version|base> <version|base> <prompt>…', numWords: 2, run: diff },
  promote: {
    usage: 'promote <version|base> [--pin]',
    numWords: 1,
    run: async ({ admin, whose, words: [id], invocation }) => {
      const pin = invocation.options.pin !== undefined;
      return shown(await admin.post(`/admin/versions/${encodeURIComponent(id!)}/promote`, { ...whose, pin }));
    },
  },
  rollback: {
    usage: 'rollback',
    numWords: 0,
    run: async ({ admin, whose }) => shown(await admin.post('/admin/rollback', whose)),
  },
  canary: { usage: 'canary <version|none> [percent]', numWords: 1, run: canary },
  shadow: {
    usage: 'shadow <version|none>',
    numWords: 1,
    run: async ({ admin, whose, words: [id] }) =>
      shown(await admin.post('/admin/shadow', { ...whose, version: orNull(id!) })),
  },
  status: {
    usage: 'status',
    numWords: 0,
    run: async ({ admin }) => shown(await admin.get('/admin/learning')),
  },
  pause: {
    usage: 'pause',
    numWords: 0,
    run: async ({ admin }) => shown(await admin.post('/admin/learning/pause', {})),
  },
  resume: {
    usage: 'resume',
    numWords: 0,
    run: async ({ admin }) => shown(await admin.post('/admin/learning/resume', {})),
  },
  undo: { usage: 'undo --row <feedback> | --account <key name>', numWords: 0, run: undo },
  bases: { usage: 'bases', numWords: 0, run: bases },
  base: { usage: 'base <sha256:…|imported>', numWords: 1, run: moveBase },
  consolidate: {
    usage: 'consolidate',
    numWords: 0,
    run: async ({ admin, whose }) => shown(await admin.post('/admin/consolidate', whose)),
  },
  export: { usage: 'export <version> <folder>', numWords: 2, run: takeOut },
  import: { usage: 'import <folder> [--promote]', numWords: 1, run: bringIn },
};

export const versionsCommand: Command = {
  summary: 'See, compare, promote, roll back and undo what was learned',
  usage: '[what] [options]',
  details: `What to do, one of (list when left out):
${Object.values(verbs)
  .map(({ usage }) => `  ${usage}`)
  .join('\n')}
export and import read and write PEFT's LoRA format in --learning-dir; the others ask a running server's admin listener.
`,
  positionals: { min: 0, max: 40 },
  options: {
    url: { value: 'url', description: 'The admin listener, e.g. http://127.0.0.1:8081.' },
    key: { value: 'key', description: 'API key with the scope "admin".' },
    tenant: { value: 'name', description: 'Whose versions [anonymous].' },
    'for-model': { value: 'name', description: 'Of which model [the configured one].' },
    row: { value: 'id', description: 'undo: this row of feedback.' },
    account: { value: 'name', description: 'undo: all rows that came with this API key.' },
    pin: { value: null, description: 'promote: newer versions do not take its place.' },
    promote: { value: null, description: 'import: serve it at once.' },
    json: { value: null, description: 'Print JSON.' },
  },
  async run(invocation) {
    const [name = 'list', ...words] = invocation.positionals;
    const verb = Object.hasOwn(verbs, name) ? verbs[name]! : null;
    if (verb === null)
      throw new UsageError(`versions knows ${Object.keys(verbs).join(', ')}; not "${name}".`);
    if (words.length < verb.numWords) throw new UsageError(`Expected: millrace versions ${verb.usage}`);
    const { tenant = 'anonymous', 'for-model': model } = invocation.options;
    const whose = model === undefined ? { tenant } : { model, tenant };
    invocation.terminal.print(await verb.run({ invocation, words, admin: adminOf(invocation), whose }));
    return 0;
  },
};
