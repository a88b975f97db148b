import { adminOf } from '../admin-client.ts';
import type { Command } from '../command.ts';
import { table } from '../table.ts';

/** As GET /admin/replicas tells of it. */
interface Shown {
  readonly id: string;
  readonly role: string;
  readonly program_version: string;
  readonly aliases_revision: number;
  readonly seen_ms_ago: number;
  readonly ready: boolean;
  readonly missing: readonly {
    readonly model: string;
    readonly tenant: string | null;
    readonly version: string;
    readonly reason: string;
  }[];
  readonly models: readonly {
    readonly model: string;
    readonly base: string;
    readonly refused: readonly { readonly adapter: string; readonly reason: string }[];
  }[];
}

interface Answer {
  readonly data: readonly Shown[];
  readonly self: string | null;
}

const digestCharacters = 19;

function rowOf(replica: Shown, self: string | null): string[] {
  const { id, role, program_version, aliases_revision, ready, models, seen_ms_ago } = replica;
  return [
    id === self ? '*' : '',
    id,
    role,
    program_version,
    ready ? 'yes' : 'no',
    String(aliases_revision),
    models.map(({ model, base }) => `${model} ${base.slice(0, digestCharacters)}`).join(', ') || '-',
    `${(seen_ms_ago / 1_000).toFixed(1)} s ago`,
  ];
}

/** What it does not serve though it should, and what it could not load beforehand. */
function reasonsOf({ id, missing, models }: Shown): string[] {
  const wanted = missing.map(({ model, tenant, version, reason }) => {
    const whose = tenant === null ? '' : ` for ${tenant}`;
    return `${id} does not serve ${version} of ${model}${whose}: ${reason}`;
  });
  const isWanted = (adapter: string): boolean => missing.some(({ version }) => version === adapter);
  const others = models.flatMap(({ model, refused }) =>
    refused
      .filter(({ adapter }) => !isWanted(adapter))
      .map(({ adapter, reason }) => `${id} cannot load ${adapter} of ${model}: ${reason}`),
  );
  return [...wanted, ...others];
}

function shown({ data, self }: Answer): string {
  if (self === null) return 'This server is on its own.\n';
  const columns = ['', 'name', 'role', 'version', 'ready', 'revision', 'serves', 'seen'];
  const rows = data.map((replica) => rowOf(replica, self));
  const text = [table(columns, rows), ...data.flatMap(reasonsOf).map((line) => `${line}\n`)].join('');
  // What other servers have said of themselves.
  return text.replace(/[^\P{Cc}\n]/gu, ' ');
}

export const replicasCommand: Command = {
  summary: 'See the servers that act as one, and which of them serves what it should',
  usage: '[options]',
  details: `Asks a running server's admin listener; * is the one that answers. "ready" says whether a server serves all that the latest
aliases point to, "revision" which aliases it has heard of. What one cannot serve is named below, with the reason.
`,
  positionals: { min: 0, max: 0 },
  options: {
    url: { value: 'url', description: 'The admin listener, e.g. http://127.0.0.1:8081.' },
    key: { value: 'key', description: 'API key with the scope "admin".' },
    json: { value: null, description: 'Print JSON.' },
  },
  async run(invocation) {
    const answer = (await adminOf(invocation).get('/admin/replicas')) as unknown as Answer;
    const { print } = invocation.terminal;
    print(
      invocation.options.json === undefined ? shown(answer) : `${JSON.stringify(answer.data, null, 2)}\n`,
    );
    return 0;
  },
};
