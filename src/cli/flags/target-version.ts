import { InvalidArgumentError } from "commander";
import { TARGET_VERSIONS, type TargetVersion } from "../../restore/target-version.ts";

/** A minor version of etcd; a `v` in front and a patch behind it are allowed. */
export function parseTargetVersion(text: string): TargetVersion {
  const [, minor] = /^v?(\d+\.\d+)(?:\.\d+)?$/.exec(text) ?? [];
  const known = TARGET_VERSIONS.find((version) => version === minor);
  if (known !== undefined) return known;
  throw new InvalidArgumentError(`Known are ${TARGET_VERSIONS.join(", ")}.`);
}
