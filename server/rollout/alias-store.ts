/** Where the aliases stand: in a file of this server's own, or shared with other servers. */
import { type Aliases, readAliases, writeAliases } from '../../core/registry/aliases.ts';

export interface AliasStore {
  /** As they stand now. Throws when that cannot be known. */
  read(): Promise<Aliases>;
  /**
   * Durable when it is true; false when others have moved on from `before`, and nothing was changed. Throws when it cannot
   * be done, or may not be done by this server.
   */
  replace(before: Aliases, next: Aliases): Promise<boolean>;
}

/** The file's only writer. Throws what reading the file throws. */
export async function openAliasFile(path: string): Promise<AliasStore> {
  let aliases = await readAliases(path);
  return {
    read: async () => aliases,
    async replace(before, next) {
      if (before.revision !== aliases.revision) return false;
      await writeAliases(path, next);
      aliases = next;
      return true;
    },
  };
}
