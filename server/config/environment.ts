/** The one place that reads the process's environment; all else is handed what it needs. */

export const environment: Readonly<Record<string, string | undefined>> = process.env;
