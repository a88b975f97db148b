/** The ONNX runtime reports to its maker unless it is told not to. Processes that are started later inherit it. */
export function silenceRuntime(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
}
