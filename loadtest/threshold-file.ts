/** Thresholds in a file: a list of texts, in YAML or JSON. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { parseThreshold, type Threshold } from './threshold.ts';

const maxBytes = 1 << 20;

/** Throws what is wrong with the file, and where. */
export async function readThresholds(path: string): Promise<Threshold[]> {
  const text = await readFile(path, 'utf8');
  if (text.length > maxBytes) throw new Error(`${path} is larger than ${maxBytes} bytes.`);
  return thresholdsIn(text, path);
}

export function thresholdsIn(text: string, name: string): Threshold[] {
  const list: unknown = parsed(text, name);
  if (!Array.isArray(list)) throw new Error(`${name} must hold a list: - steady.ttft.p99 <= 500ms`);
  return list.map((entry: unknown, index) => {
    if (typeof entry !== 'string') throw new Error(`${name}, entry ${index + 1}: expected a text.`);
    try {
      return parseThreshold(entry);
    } catch (error) {
      throw new Error(`${name}, entry ${index + 1}: ${(error as Error).message}`);
    }
  });
}

function parsed(text: string, name: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new Error(`${name} is neither YAML nor JSON: ${(error as Error).message}`);
  }
}
