/** The published JSON Schema of manifests, made of what reads them. */
import { z } from "zod";
import { MANIFEST, MANIFEST_VERSION } from "./manifest.ts";

/** The text of `docs/manifest.schema.json`. Fields that are not in it are allowed: later writers may add some. */
export function manifestSchema(): string {
  const schema = z.toJSONSchema(MANIFEST, { io: "input" });
  const described = {
    $schema: schema.$schema,
    title: `Manifest of a Holdfast backup, version ${MANIFEST_VERSION}`,
    description:
      "Readers pass over fields and roles of objects that they do not know, and refuse a higher version.",
    ...schema,
  };
  return `${JSON.stringify(described, null, 2)}\n`;
}
