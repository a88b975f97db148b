/**
 * Reads a Python package index without pip, by the simple repository API: JSON (PEP 691) or HTML (PEP 503).
 * Knows one thing: where the wheel of a version is.
 */
import { type DownloadOptions, request } from './download.ts';

const maxPageBytes = 16 * 2 ** 20;
const accept = 'application/vnd.pypi.simple.v1+json, text/html;q=0.5';

async function readPage(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxPageBytes) throw new Error(`the index page is larger than ${maxPageBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The links of a page, whichever of the two forms it has. */
function pageLinks(page: string, type: string): string[] {
  if (!type.includes('json'))
    return [...page.matchAll(/<a[^>]*\shref="([^"]+)"/gi)].map((match) => match[1]!);
  const parsed: unknown = JSON.parse(page);
  const files = typeof parsed === 'object' && parsed !== null && 'files' in parsed ? parsed.files : null;
  if (!Array.isArray(files)) throw new Error('the index page has no list of files');
  return files.map((file) => String(file?.url));
}

/** The address of the pure Python wheel of that version. Throws when the index has none. */
export async function findWheel(
  options: Pick<DownloadOptions, 'connectMs' | 'signal'> & {
    readonly indexUrl: string;
    readonly project: string;
    readonly version: string;
  },
): Promise<string> {
  const page = `${options.indexUrl.replace(/\/$/, '')}/${options.project}/`;
  const response = await request(page, { ...options, accept });
  if (response.status !== 200) throw new Error(`status ${response.status} for ${page}`);
  const links = pageLinks(await readPage(response), response.headers.get('content-type') ?? '');
  const name = `/${options.project.replaceAll('-', '_')}-${options.version}-py3-none-any.whl`;
  const link = links.map((each) => new URL(each, page)).find((url) => url.pathname.endsWith(name));
  if (link === undefined) throw new Error(`${page} has no wheel of version ${options.version}`);
  return link.href;
}
