/** Limits of files and jobs. Each tenant has its own share, so that none can use up another's. */

export interface JobLimits {
  /** Of one file. */
  readonly maxFileBytes: number;
  readonly maxFileRows: number;
  /** Per tenant. */
  readonly maxFiles: number;
  readonly maxTenantBytes: number;
  /** Files that are received and looked at in the same moment, of all tenants and of one. */
  readonly maxUploads: number;
  readonly maxTenantUploads: number;
  /** Looking at a file. */
  readonly checkMs: number;
  /** Jobs that wait or run, of all tenants and of one. */
  readonly maxPending: number;
  readonly maxTenantPending: number;
  /** Jobs that are remembered per tenant; beyond it the oldest that have ended are forgotten. */
  readonly maxKept: number;
}

const mebibyte = 2 ** 20;

export const jobDefaults: JobLimits = {
  maxFileBytes: 32 * mebibyte,
  maxFileRows: 100_000,
  maxFiles: 100,
  maxTenantBytes: 256 * mebibyte,
  maxUploads: 8,
  maxTenantUploads: 4,
  checkMs: 120_000,
  maxPending: 64,
  maxTenantPending: 8,
  maxKept: 200,
};
