/** What can be wrong with a snapshot, and where. Checks yield findings; operations throw. */
export interface Finding {
  /** Stable, lower-case, with dashes: what `--accept-finding` takes. */
  readonly code: string;
  /** "error" only for what changes the restored state or stops a boot; everything else warns. */
  readonly severity: "error" | "warning";
  readonly where: Place;
  readonly message: string;
}

/** As much of the location as is known. */
export interface Place {
  /** bbolt page id. */
  readonly page?: number;
  /** Byte offset from the start of the snapshot. */
  readonly offset?: number;
  readonly bucket?: string;
  /** The bbolt key, hexadecimal. */
  readonly key?: string;
}
