import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { htmlReport } from './html.ts';
import { junitReport } from './junit.ts';
import { markdownReport } from './markdown.ts';
import type { Report } from './result.ts';

/** File name to text. */
const forms: Readonly<Record<string, (report: Report) => string>> = {
  'result.json': (report) => `${JSON.stringify(report, null, 1)}\n`,
  'report.html': htmlReport,
  'summary.md': markdownReport,
  'junit.xml': junitReport,
};

/** All forms of the report, into a folder that is made where it is missing. Returns their paths. */
export async function writeReport(folder: string, report: Report): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  return Promise.all(
    Object.entries(forms).map(async ([name, write]) => {
      const path = join(folder, name);
      await writeFile(path, write(report));
      return path;
    }),
  );
}
