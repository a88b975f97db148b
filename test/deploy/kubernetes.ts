/** As much of the API of Kubernetes as helm asks when a template looks for a Secret. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chartFolder,
  helmProgram,
  kubeVersion,
  type Manifest,
  manifestsOf,
  namespace,
  releaseName,
} from './chart.ts';
import type { Values } from './values.ts';

export type Entries = Readonly<Record<string, string>>;

/** The chart as an upgrade would apply it. Throws helm's words where it refuses. */
export type Apply = (values: Values) => Promise<Manifest[]>;

/** By group and version, the kinds that the chart makes without operators; their plurals end in "s" or "ies". */
const kinds: Readonly<Record<string, readonly string[]>> = {
  v1: ['Secret', 'ServiceAccount', 'ConfigMap', 'PersistentVolumeClaim', 'Service', 'Pod'],
  'apps/v1': ['StatefulSet'],
  'policy/v1': ['PodDisruptionBudget'],
  'networking.k8s.io/v1': ['NetworkPolicy'],
};

/** By this helm knows what it has made. */
const ofRelease = {
  labels: { 'app.kubernetes.io/managed-by': 'Helm' },
  annotations: { 'meta.helm.sh/release-name': releaseName, 'meta.helm.sh/release-namespace': namespace },
};

const pluralOf = (kind: string): string => `${kind.toLowerCase()}s`.replace(/ys$/, 'ies');

function resourcesOf(groupVersion: string): object | null {
  const resources = kinds[groupVersion]?.map((kind) => ({
    name: pluralOf(kind),
    kind,
    namespaced: true,
    verbs: ['get'],
  }));
  return resources === undefined ? null : { kind: 'APIResourceList', groupVersion, resources };
}

const groups = Object.keys(kinds)
  .filter((groupVersion) => groupVersion !== 'v1')
  .map((groupVersion) => {
    const [name, version] = groupVersion.split('/');
    return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
  });

function answer(url: string, secrets: Readonly<Record<string, Entries>>): object | null {
  const [path] = url.split('?');
  if (path === '/version') return { major: '1', minor: '33', gitVersion: `v${kubeVersion}` };
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups };
  const resources = resourcesOf(path!.replace(/^\/apis?\//, ''));
  if (resources !== null) return resources;
  const name = new RegExp(`^/api/v1/namespaces/${namespace}/secrets/(.+)$`).exec(path!)?.[1];
  const data = secrets[name ?? ''];
  if (data === undefined) return null;
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, ...ofRelease }, data };
}

/** Calls while such an API is there, which has these Secrets, their entries in base64. */
export async function withKubernetes<T>(
  secrets: Readonly<Record<string, Entries>>,
  use: (apply: Apply) => Promise<T>,
): Promise<T> {
  const server = createServer((request, response) => {
    const body = answer(request.url!, secrets);
    const missing = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 };
    response.writeHead(body === null ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? missing));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const home = mkdtempSync(join(tmpdir(), 'millrace-helm-'));
  try {
    return await use((values) => renderAgainst(url, values, home));
  } finally {
    rmSync(home, { recursive: true });
    server.closeAllConnections();
    server.close();
  }
}

const helmMs = 60_000;

/** Not with spawnSync: this process has to answer meanwhile. `home` gets what helm keeps. */
function renderAgainst(url: string, values: Values, home: string): Promise<Manifest[]> {
  const options = ['--namespace', namespace, '--dry-run=server', '--kube-apiserver', url];
  const others = ['--kube-version', kubeVersion, '--disable-openapi-validation', '--values', '-'];
  const child = spawn(helmProgram, ['template', releaseName, chartFolder, ...options, ...others], {
    env: { PATH: process.env.PATH, KUBECONFIG: '/nowhere', HOME: home },
    timeout: helmMs,
  });
  let [said, complained] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes;
  });
  child.stderr.on('data', (bytes: Buffer) => {
    complained += bytes;
  });
  child.stdin.end(JSON.stringify(values));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(manifestsOf(said)) : reject(new Error(complained))));
  });
}
