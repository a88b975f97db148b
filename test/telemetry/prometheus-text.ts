/** Prometheus' text format as a map. */

/** Value of each series, by name and sorted labels without those that `dropped` names. */
export function seriesIn(text: string, dropped: ReadonlySet<string> = new Set()): Map<string, number> {
  const series = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/.exec(line);
    if (match === null) continue;
    const [, name, labels = '', value] = match as unknown as [string, string, string | undefined, string];
    const kept = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
      .filter(([, label]) => !dropped.has(label!))
      // What one writes 1 the other may write 1.0.
      .map(
        ([, label, text]) =>
          `${label}=${label === 'le' ? String(Number(text!.replace('+Inf', 'Infinity'))) : text}`,
      )
      .sort();
    series.set(`${name}{${kept.join()}}`, Number(value.replace('+Inf', 'Infinity')));
  }
  return series;
}
