/** What takes long to make and never changes, kept under a name from when it is first needed. What failed is tried again. */
export class MadeOnce<Key> {
  private readonly kept = new Map<Key, Promise<unknown>>();

  get<T>(key: Key, make: () => Promise<T>): Promise<T> {
    let made = this.kept.get(key) as Promise<T> | undefined;
    if (made === undefined) {
      made = make();
      this.kept.set(key, made);
      made.catch(() => this.kept.delete(key));
    }
    return made;
  }
}
