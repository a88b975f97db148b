/** The chart as files, and as the real helm renders it where there is one. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { repoRoot } from '../root.ts';
import type { Values } from './values.ts';

export const chartFolder = join(repoRoot, 'helm');
export const chartFile = (path: string): string => readFileSync(join(chartFolder, path), 'utf8');
export const defaultValues = parse(chartFile('values.yaml')) as Values;

/** Text of every template, by file name. */
export const templates: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(join(chartFolder, 'templates'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('.'))
    .map((name) => [name, chartFile(join('templates', name))] as const),
);

export interface Labels {
  readonly [name: string]: string;
}

/** An object of Kubernetes. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels: Labels;
    readonly annotations?: Labels;
    readonly namespace?: string;
  };
  // biome-ignore lint/suspicious/noExplicitAny: shapes are Kubernetes', and what is read is asserted
  readonly [field: string]: any;
}

export const releaseName = 'river';
export const namespace = 'water';
/** A helm that was built from source believes in an old one. */
export const kubeVersion = '1.33.0';

export const helmProgram = process.env.MILLRACE_TEST_HELM ?? 'helm';
const isHere = spawnSync(helmProgram, ['version'], { encoding: 'utf8' }).status === 0;
/** The reason why what needs helm is skipped, or false. */
export const withoutHelm = isHere
  ? false
  : 'helm is not here; it is looked for on the PATH, and MILLRACE_TEST_HELM may name it';

export interface HelmRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of helm's on the chart with these values. */
export function helm(command: readonly string[], values: Values, chart = chartFolder): HelmRun {
  const options = ['--namespace', namespace, '--kube-version', kubeVersion, '--values', '-'];
  const { status, stdout, stderr } = spawnSync(helmProgram, [...command, chart, ...options], {
    input: JSON.stringify(values),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return { status, stdout, stderr };
}

export const template = (values: Values): HelmRun => helm(['template', releaseName], values);

/** Throws helm's words where it refuses. */
export function render(values: Values, chart = chartFolder): Manifest[] {
  const { status, stdout, stderr } = helm(['template', releaseName], values, chart);
  if (status !== 0) throw new Error(stderr);
  return manifestsOf(stdout);
}

/** Kubernetes reads YAML 1.1, where a bare `off` is a boolean. */
export function manifestsOf(text: string): Manifest[] {
  return parseAllDocuments(text, { version: '1.1' }).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    const manifest: unknown = document.toJS();
    return manifest === null ? [] : [manifest as Manifest];
  });
}

/** What an installation prints. Helm renders notes only against a cluster: here they are a template like the others. */
export function notesOf(values: Values): string {
  const copy = mkdtempSync(join(tmpdir(), 'millrace-notes-'));
  try {
    cpSync(chartFolder, copy, { recursive: true });
    const object =
      'kind: ConfigMap\nmetadata: { name: notes }\ndata: { text: {{ include "notes" . | quote }} }\n';
    const text = `{{- define "notes" }}${chartFile('templates/NOTES.txt')}{{ end }}${object}`;
    writeFileSync(join(copy, 'templates', 'notes.yaml'), text);
    return render(values, copy).find(({ metadata }) => metadata.name === 'notes')!.data.text;
  } finally {
    rmSync(copy, { recursive: true });
  }
}
