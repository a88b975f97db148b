/** A host that is ready and then says what no host says, for tests of whoever listens to it. */
process.on('message', () => {
  process.send?.({ kind: 'ready' });
  for (const garbage of [null, 5, 'text', [], {}, { kind: 'events', events: null }]) process.send?.(garbage);
});
