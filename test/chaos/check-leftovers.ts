/** What processes that were killed had begun to write, and whoever came after them has not removed. */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

const unfinished = /^\.(writing|importing)-|-old$/;

/** Folders that nobody will finish, below these. */
export const leftovers = (...folders: readonly string[]): string[] =>
  folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory() && unfinished.test(entry.name))
      .map((entry) => `left over: ${relative(folder, join(entry.parentPath, entry.name))}`),
  );
