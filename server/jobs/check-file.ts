/** Looks at a file line by line: is every line something to learn from, and what personal data must leave it. Pure. */
import { parseTrainingRow, type RowKind, type TrainingRow } from '../../core/jobs/training-row.ts';
import { redact } from '../../core/privacy/redact.ts';

export interface CheckedFile {
  /** As it may be stored: redacted, one line a row. */
  readonly content: Uint8Array;
  readonly kind: RowKind;
  readonly numRows: number;
  /** Kinds of personal data and secrets that were taken out, with their number. */
  readonly redactions: Readonly<Record<string, number>>;
}

export interface FileProblem {
  /** From 1; null when it is about the file as a whole. */
  readonly line: number | null;
  readonly problem: string;
}

/** OpenAI's formats need six levels. */
const maxDepth = 16;
const lineEnd = 10;

export function checkFile(bytes: Uint8Array, maxRows: number): CheckedFile | FileProblem {
  const counts = new Map<string, number>();
  const lines: string[] = [];
  let kind: RowKind | null = null;
  for (const line of linesOf(bytes)) {
    const number = lines.length + 1;
    if (number > maxRows) return { line: null, problem: `it has more than ${maxRows} lines` };
    const checked = checkLine(line, counts);
    if ('problem' in checked) return { line: number, problem: checked.problem };
    kind ??= checked.row.kind;
    if (checked.row.kind !== kind) {
      return { line: number, problem: `it is of the ${checked.row.kind} format, those before it are not` };
    }
    lines.push(checked.text);
  }
  if (kind === null) return { line: null, problem: 'it is empty' };
  const content = new TextEncoder().encode(lines.join('\n') + (bytes.at(-1) === lineEnd ? '\n' : ''));
  return { content, kind, numRows: lines.length, redactions: Object.fromEntries(counts) };
}

/** A line feed at the very end begins no further line. */
function* linesOf(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(lineEnd, start);
    yield bytes.subarray(start, end < 0 ? bytes.length : end);
    start = end < 0 ? bytes.length : end + 1;
  }
}

type CheckedLine = { readonly text: string; readonly row: TrainingRow } | { readonly problem: string };

/** What is checked is what will be stored, after redaction. */
function checkLine(line: Uint8Array, counts: Map<string, number>): CheckedLine {
  const text = textOf(line);
  if (text === null) return { problem: 'it is not valid UTF-8' };
  if (text.trim() === '') return { problem: 'it is empty' };
  const parsed = jsonOf(text);
  if (parsed === null) return { problem: 'it is not valid JSON' };
  const redacted = redactAll(parsed.json, counts, 0);
  if (redacted === undefined) return { problem: `it is nested deeper than ${maxDepth} levels` };
  const row = parseTrainingRow(redacted);
  return 'problem' in row ? row : { text: JSON.stringify(redacted), row };
}

/** A byte order mark at the start is no part of the text. */
function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function jsonOf(text: string): { readonly json: unknown } | null {
  try {
    return { json: JSON.parse(text) };
  } catch {
    return null;
  }
}

/** Every text in it redacted, in the order of its fields; undefined when it is nested too deep. */
function redactAll(json: unknown, counts: Map<string, number>, depth: number): unknown {
  if (depth > maxDepth) return undefined;
  if (typeof json === 'string') {
    const { text, found } = redact(json);
    for (const { kind, count } of found) counts.set(kind, (counts.get(kind) ?? 0) + count);
    return text;
  }
  if (typeof json !== 'object' || json === null) return json;
  const inner = Object.entries(json).map(
    ([key, value]) => [key, redactAll(value, counts, depth + 1)] as const,
  );
  if (inner.some(([, value]) => value === undefined)) return undefined;
  return Array.isArray(json) ? inner.map(([, value]) => value) : Object.fromEntries(inner);
}
