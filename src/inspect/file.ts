import { fileSource } from "../io/source.ts";
import { inspectStream, type InspectOptions, type Inspection } from "./inspect.ts";

/** Inspects a file, or standard input for "-". Errors of the file system come as they are. */
export async function inspectFile(path: string, options: InspectOptions = {}): Promise<Inspection> {
  await using source = await fileSource(path === "-" ? "/dev/stdin" : path);
  return await inspectStream(source, options);
}
