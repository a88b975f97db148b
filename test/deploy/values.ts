/** Values of the chart, as Helm reads them. */
export type Values = Readonly<Record<string, unknown>>;
