/** Stands in for a trainer: says that it is alive, and hangs once it is told anything, as what loops for ever does. */
process.on('message', () => {
  for (;;);
});
const tell = (kind: string): void => void process.send?.({ kind });
tell('ready');
setInterval(() => tell('alive'), 20);
process.on('disconnect', () => process.exit());
