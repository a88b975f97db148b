/** Names of models that jobs make: "ft:<model>:<tenant>:<suffix or nothing>:<adapter id>". */
import { isAdapterId } from '../registry/adapter-manifest.ts';

export interface FineTuned {
  /** Name of the base. */
  readonly model: string;
  readonly tenant: string;
  /** Empty when none was asked for. */
  readonly suffix: string;
  readonly adapter: string;
}

/** None of the parts may hold the separator. */
const part = /^[\w.-]{1,64}$/;

/** What a suffix may be, beside empty. */
export const isSuffix = (suffix: string): boolean => part.test(suffix);

export const fineTunedName = ({ model, tenant, suffix, adapter }: FineTuned): string =>
  ['ft', model, tenant, suffix, adapter].join(':');

/** Null for whatever is no such name; whether the adapter exists, and whose it is, its manifest says. */
export function parseFineTunedName(id: string): FineTuned | null {
  const [prefix, model = '', tenant = '', suffix = '', adapter = '', ...rest] = id.split(':', 7);
  if (prefix !== 'ft' || rest.length > 0 || !isAdapterId(adapter)) return null;
  if (!part.test(model) || !part.test(tenant) || !(suffix === '' || isSuffix(suffix))) return null;
  return { model, tenant, suffix, adapter };
}
