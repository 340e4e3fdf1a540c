export interface LogsOptions {
  /** Undefined: as many as usual. */
  readonly lines?: string;
  readonly follow?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly session?: string;
  readonly event?: string;
  readonly output?: boolean;
  readonly raw?: boolean;
  readonly cursor?: string;
  readonly maxBytes?: string;
}
